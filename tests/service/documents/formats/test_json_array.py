from __future__ import annotations

import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.record import Record
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import ConfigError, InputError


def read(data: bytes, **options: Any) -> list[Record]:
    with open_reader("-", format="json", stdin=io.BytesIO(data), **options) as source:
        return list(source.records())


def test_items_are_read_in_order_with_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"text": "one"},\n {"text": "two", "id": 2}]\n')
    with open_reader(path) as source:
        assert (source.columns, source.encoding) == (("text", "id"), "utf-8")
        assert source.describe() == f"{path}: json, utf-8, columns text, id"
        records = list(source.records())
    assert records == [Record(1, {"text": "one"}), Record(2, {"text": "two", "id": 2})]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(st.dictionaries(st.text(), _VALUES, max_size=4), max_size=8),
    st.sampled_from([None, 0, 1, 4]),
    st.sampled_from([(",", ":"), (" ,  ", " : ")]),
    st.booleans(),
)
def test_any_array_is_read_as_pythons_reader_reads_it(
    items: list[dict[str, object]], indent: int | None, separators: tuple[str, str], escaped: bool
) -> None:
    text = json.dumps(items, indent=indent, separators=separators, ensure_ascii=escaped)
    records = read(text.encode("utf-8", "surrogatepass") if not escaped else text.encode())
    good = [record.fields for record in records if record.error is None]
    assert len(records) == len(items)
    assert good == [item for item, record in zip(items, records, strict=True) if record.error is None]
    if escaped:
        assert len(good) == len(items)


def test_items_across_blocks_are_complete(tmp_path: Path) -> None:
    chance = random.Random(5)
    items = [{"n": number, "text": 'é\\"]},{' * chance.randrange(400)} for number in range(4_000)]
    path = tmp_path / "big.json.gz"
    path.write_bytes(gzip.compress(json.dumps(items, ensure_ascii=False).encode()))
    with open_reader(path) as source:
        assert [record.fields for record in source.records()] == items


def test_items_that_are_not_objects_are_rows_with_errors() -> None:
    records = read(b'[{"a": 1}, 5, "x", [1], null, {"a": 1, "a": 2}, {"a": NaN}, {"a": 2}]')
    assert [record.fields for record in records if record.error is None] == [{"a": 1}, {"a": 2}]
    assert [record.line for record in records if record.error is not None] == [2, 3, 4, 5, 6, 7]
    assert "the key a is repeated" in str(records[5].error)


@pytest.mark.parametrize(
    ("data", "good"),
    [
        (b'[{"a": 1}, {"a": 2', 1),
        (b'[{"a": 1}, {bad}, {"a": 2}]', 1),
        (b'[{"a": 1} {"a": 2}]', 1),
        (b'[{"a": 1}', 1),
        (b'[{"a": 1},]', 1),
        (b'[{"a": 1}, 12', 1),
        (b"[", 0),
    ],
)
def test_after_invalid_json_the_rest_is_one_row_with_an_error(data: bytes, good: int) -> None:
    records = read(data)
    assert [record.error is None for record in records] == [True] * good + [False] * (len(records) - good)
    assert records[-1].error is not None
    assert "cannot be read" in str(records[-1].error) or "not valid JSON" in str(records[-1].error) or good == 1


def test_an_item_above_the_limit_ends_the_reading_with_an_error() -> None:
    records = read(b'[{"a": 1}, {"a": "' + b"x" * 5_000_000 + b'"}]', max_row=100_000)
    assert records[0].fields == {"a": 1}
    assert len(records) == 2
    assert "too long" in str(records[1].error)


def test_truncated_gzip_ends_with_an_error(tmp_path: Path) -> None:
    path = tmp_path / "cut.json.gz"
    noise = random.Random(1).randbytes(400_000).hex()
    path.write_bytes(gzip.compress(json.dumps([{"a": 1}, {"a": noise}]).encode())[:-2_000])
    with open_reader(path) as source:
        records = list(source.records())
    assert records[0].fields == {"a": 1}
    assert "truncated or damaged" in str(records[-1].error)


@pytest.mark.parametrize("data", [b'{"a": 1}', b"  \n ", b"5", b"nothing"])
def test_a_file_without_an_array_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        read(data)


def test_options_that_do_not_apply_are_refused() -> None:
    with pytest.raises(ConfigError, match="takes no delimiter"):
        read(b"[]", delimiter=",")


def test_an_array_on_standard_input_is_detected_by_its_first_character() -> None:
    with open_reader("-", stdin=io.BufferedReader(io.BytesIO(b' [{"a": 1}]'))) as source:  # type: ignore[arg-type]
        assert source.format == "json"


def test_an_array_in_a_jsonl_file_is_refused_with_a_hint(tmp_path: Path) -> None:
    for text in ('[{"a": 1}, {"a": 2}]', '[\n{"a": 1},\n{"a": 2}\n]'):
        path = tmp_path / "a.jsonl"
        path.write_text(text)
        with pytest.raises(InputError, match="contains a JSON array") as raised:
            open_reader(path)
        assert "--input-format json" in (raised.value.hint or "")


def read_file(path: Path, content: str | bytes, **options: Any) -> list[Record]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with open_reader(path, **options) as source:
        return list(source.records())


def test_json_lines_in_a_json_file_are_read_and_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    lines = '{"text": "one"}\n\n{"text": "two"}\n{"text":\n'
    records = read_file(path, lines)
    assert [record.fields for record in records] == [{"text": "one"}, {"text": "two"}, {}]
    assert records[2].error is not None
    assert records[2].error.message.startswith("line 4: not valid JSON")
    with open_reader(path) as source:
        assert [decision.chosen for decision in source.all_decisions()] == ["JSON Lines"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_other_shapes_are_read_in_each_encoding(tmp_path: Path, encoding: str) -> None:
    text = json.dumps({"rows": [{"text": "Größe"}, {"text": "日本"}]}, ensure_ascii=False)
    records = read_file(tmp_path / "a.json", text.encode(encoding))
    assert [record.fields for record in records] == [{"text": "Größe"}, {"text": "日本"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"rows": [{"text": NaN}]}', "NaN is not JSON"),
        ('{"rows": [{"text": -Infinity}]}', "-Infinity is not JSON"),
        ('{"rows": [{"score": 1e999}]}', "the number 1e999 is too large"),
        ('{"rows": [{"text": "a", "text": "b"}]}', "the key text is repeated"),
        ('{"rows": [{"text": "a"},]}', "is not valid JSON"),
        ('{"rows": [{"text": "a"}]', "is not valid JSON"),
        ('{"rows": [{"text": "a"}]} x', "Extra data in line 1"),
        ("[" * 300 + "]" * 300, "more than 100 levels deep"),
        ('{"a":' * 100_000, "more than 100 levels deep"),
        ("", "the file is empty"),
        (" \n\t", "the file is empty"),
    ],
)
def test_faults_of_a_whole_file_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_file(tmp_path / "a.json", text)


def test_only_an_array_of_objects_may_be_larger_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glossator.service.documents.formats.json_array.MAX_IN_MEMORY", 1_000)
    rows = [{"text": f"text {number}"} for number in range(100)]
    assert len(read_file(tmp_path / "a.json", json.dumps(rows))) == 100
    with pytest.raises(InputError, match="too large for JSON of this shape"):
        read_file(tmp_path / "b.json", json.dumps({"rows": rows}))


def test_a_header_is_for_lists_of_cells_only(tmp_path: Path) -> None:
    lists = [["Kommentar", "Art"], ["zu spät", "Lieferung"]]
    assert [record.fields for record in read_file(tmp_path / "a.json", json.dumps(lists), header=True)] == [
        {"Kommentar": "zu spät", "Art": "Lieferung"}
    ]
    for text in ('[{"text": "a"}]', '{"text": "a"}\n{"text": "b"}', '{"rows": [{"text": "a"}]}'):
        with pytest.raises(ConfigError, match="JSON of objects takes no header"):
            read_file(tmp_path / "b.json", text, header=False)

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

from glossator.service.documents.open_source import open_source
from glossator.service.documents.record import Record
from glossator.service.errors import ConfigError, InputError


def read(data: bytes, **options: Any) -> list[Record]:
    with open_source("-", format="json", stdin=io.BytesIO(data), **options) as source:
        return list(source.records())


def test_items_are_read_in_order_with_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"text": "one"},\n {"text": "two", "id": 2}]\n')
    with open_source(path) as source:
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
    with open_source(path) as source:
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
    with open_source(path) as source:
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
    with open_source("-", stdin=io.BufferedReader(io.BytesIO(b' [{"a": 1}]'))) as source:  # type: ignore[arg-type]
        assert source.format == "json"


def test_an_array_in_a_jsonl_file_is_refused_with_a_hint(tmp_path: Path) -> None:
    for text in ('[{"a": 1}, {"a": 2}]', '[\n{"a": 1},\n{"a": 2}\n]'):
        path = tmp_path / "a.jsonl"
        path.write_text(text)
        with pytest.raises(InputError, match="contains a JSON array") as raised:
            open_source(path)
        assert "--input-format json" in (raised.value.hint or "")

from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.open_source import open_source
from glossator.service.documents.row_formats import FORMATS, SUFFIXES, kind_of, open_sink, to_json
from glossator.service.errors import ConfigError

cells = st.text(
    st.one_of(
        st.sampled_from("\",;\t|\r\n' =+-@a1\u2028\u2029\x85\x0b\0\ufeff\U0001f600\\"), st.characters(codec="utf-8")
    )
)
tables = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), max_size=6))


def written(columns: list[str], rows: list[dict[str, object]], format: str, **options: object) -> bytes:
    stdout = io.BytesIO()
    with open_sink("-", columns, format=format, stdout=stdout, **options) as sink:  # type: ignore[arg-type]
        for row in rows:
            sink.write(row)
    return stdout.getvalue()


def read(data: bytes, format: str, **options: object) -> list[dict[str, object]]:
    stdin = io.BufferedReader(io.BytesIO(data))
    with open_source("-", format=format, encoding="utf-8", stdin=stdin, **options) as source:  # type: ignore[arg-type]
        records = list(source.records())
    assert [record.error for record in records] == [None] * len(records)
    return [dict(record.fields) for record in records]


@pytest.mark.parametrize(("format", "delimiter"), [("csv", ","), ("tsv", "\t"), ("csv.gz", ",")])
@given(names=st.lists(cells, min_size=4, max_size=4, unique=True), table=tables)
def test_delimited_rows_are_read_back_as_they_were(
    format: str, delimiter: str, names: list[str], table: list[list[str]]
) -> None:
    columns = names[: len(table[0])] if table else names
    rows: list[dict[str, object]] = [dict(zip(columns, row, strict=True)) for row in table]
    data = written(columns, rows, format, formula_safe=False)
    assert read(data, format, delimiter=delimiter) == rows
    if not format.endswith(".gz"):  # and by a reader that is not ours
        text = data.decode()
        assert list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)) == [columns, *table]


json_rows = st.dictionaries(
    cells,
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | cells
    | st.lists(cells, max_size=2)
    | st.dictionaries(cells, cells, max_size=2),
    max_size=4,
)


@pytest.mark.parametrize("format", ["jsonl", "jsonl.gz"])
@given(rows=st.lists(json_rows, max_size=5))
def test_json_rows_are_read_back_as_they_were(format: str, rows: list[dict[str, object]]) -> None:
    data = written([], rows, format)
    if rows:
        assert read(data, format) == rows
    text = (gzip.decompress(data) if format.endswith("gz") else data).decode()
    assert [json.loads(line) for line in text.split("\n")[:-1]] == rows
    assert not set("\u2028\u2029") & set(text)


@given(st.lists(st.text(st.sampled_from("ab\ud800\udfff\ud83d")), min_size=1))
def test_lone_surrogates_come_back_from_json_and_are_escaped_in_csv(texts: list[str]) -> None:
    rows: list[dict[str, object]] = [{"text": f"{' '.join(text)}"} for text in texts]  # apart: a pair would be joined
    assert read(written([], rows, "jsonl"), "jsonl") == rows
    in_csv = read(written(["text"], rows, "csv"), "csv")
    assert [str(row["text"]).encode().decode("unicode_escape") for row in in_csv] == [row["text"] for row in rows]


def test_what_json_lacks_takes_its_nearest_form() -> None:
    row = {
        "nan": float("nan"),
        "inside": [float("inf"), {"a": -float("inf")}, 1.5],
        "time": datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC),
        "day": datetime.date(2024, 2, 29),
        "clock": datetime.time(1, 2, 3),
        "took": datetime.timedelta(seconds=90),
        "price": Decimal("1.10"),
        "id": UUID(int=7),
        "bytes": b"\x00\xff",
    }
    assert json.loads(to_json(row)) == {
        "nan": None,
        "inside": [None, {"a": None}, 1.5],
        "time": "2024-02-29T12:00:00+00:00",
        "day": "2024-02-29",
        "clock": "01:02:03",
        "took": "0:01:30",
        "price": "1.10",
        "id": "00000000-0000-0000-0000-000000000007",
        "bytes": "AP8=",
    }


def test_csv_holds_every_value_as_text() -> None:
    columns = ["none", "truth", "whole", "real", "nan", "list", "object", "price", "day", "absent"]
    row: dict[str, object] = {
        "none": None,
        "truth": True,
        "whole": -3,
        "real": -0.25,
        "nan": float("nan"),
        "list": ["a", 1],
        "object": {"a": None},
        "price": Decimal("-1.10"),
        "day": datetime.date(2024, 2, 29),
    }
    (back,) = read(written(columns, [row], "csv"), "csv")
    assert list(back.values()) == ["", "true", "-3", "-0.25", "", '["a", 1]', '{"a": null}', "-1.10", "2024-02-29", ""]


@pytest.mark.parametrize("format", ["csv", "tsv"])
@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-1+1", "'-1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-", "'-"),
        ("-12.5", "-12.5"),
        ("+4e3", "+4e3"),
        ("-٣", "'-٣"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        ("", ""),
    ],
)
def test_formulas_are_disarmed_unless_asked_not_to(format: str, cell: str, safe: str) -> None:
    rows: list[dict[str, object]] = [{"id": "1", "text": cell}]
    assert read(written(["id", "text"], rows, format), format) == [{"id": "1", "text": safe}]
    assert read(written(["id", "text"], rows, format, formula_safe=False), format) == rows


def test_a_header_is_disarmed_too() -> None:
    assert written(["=1+1", "b"], [], "csv") == b"'=1+1,b\n"


def test_a_first_column_that_starts_with_a_byte_order_mark_keeps_it() -> None:
    rows: list[dict[str, object]] = [{"\ufefftext": "\ufeffone"}]
    assert read(written(["\ufefftext"], rows, "csv"), "csv") == rows


def test_line_separators_are_escaped_for_readers_who_split_at_them() -> None:
    assert written([], [{"text": "a\u2028b\u2029c\x85"}], "jsonl") == '{"text": "a\\u2028b\\u2029c\x85"}\n'.encode()


def test_json_is_never_changed_by_formula_safety() -> None:
    assert written([], [{"text": "=1+1"}], "jsonl") == b'{"text": "=1+1"}\n'


def test_fields_without_a_column_are_refused_in_csv() -> None:
    with pytest.raises(ConfigError, match="CSV has no column") as caught:
        written(["text"], [{"text": "a", "extra": "b"}], "csv")
    assert caught.value.found == "extra"


@pytest.mark.parametrize("name", ["out.jsonl", "out.ndjson.gz", "out.csv", "OUT.TSV", "out.csv.gz"])
def test_the_suffix_says_the_format(tmp_path: Path, name: str) -> None:
    with open_sink(tmp_path / name, ["text"]) as sink:
        sink.write({"text": "one"})
    with open_source(tmp_path / name) as source:
        assert [record.fields for record in source.records()] == [{"text": "one"}]
    assert kind_of(name, None, SUFFIXES)[0].format == source.format


@pytest.mark.parametrize("name", ["out.txt", "out.parquet", "out", "out.gz"])
def test_a_format_that_is_not_written_is_refused_before_anything_is(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="is not written") as caught:
        open_sink(tmp_path / name, ["text"])
    assert ".jsonl" in (caught.value.expected or "")
    assert list(tmp_path.iterdir()) == []


def test_formats_are_three() -> None:
    assert set(FORMATS) == {"jsonl", "csv", "tsv"}


def test_standard_output_gets_json_lines_unless_told() -> None:
    stdout = io.BytesIO()
    with open_sink("-", ["text"], stdout=stdout) as sink:
        sink.write({"text": "naïve"})
    assert stdout.getvalue() == '{"text": "naïve"}\n'.encode()


def test_the_process_own_standard_output_is_written(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with open_sink("-", ["text"]) as sink:
        sink.write({"text": "one"})
    assert capfdbinary.readouterr().out == b'{"text": "one"}\n'


def test_an_output_stream_in_memory_is_written(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    with open_sink("-", ["text"], format="csv") as sink:
        sink.write({"text": "one"})
    assert capsysbinary.readouterr().out == b"text\none\n"


def test_an_error_in_the_block_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with open_sink(tmp_path / "out.csv", ["text"]) as sink:
            sink.write({"text": "one"})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_the_output_may_not_be_the_input(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("text\none\n")
    with pytest.raises(ConfigError, match="the output is the input"):
        open_sink(path, ["text"], inputs=[path])
    assert path.read_text() == "text\none\n"

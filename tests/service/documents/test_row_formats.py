from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from glossator.service.documents.row_formats import FORMATS
from glossator.service.documents.row_writer import open_row_writer
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import ConfigError

cells = st.text(
    st.one_of(
        st.sampled_from("\",;\t|\r\n' =+-@a1\u2028\u2029\x85\x0b\0\ufeff\U0001f600\\"), st.characters(codec="utf-8")
    )
)
tables = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), max_size=6))


def write_rows(columns: list[str], rows: list[dict[str, object]], format: str, **options: object) -> bytes:
    stdout = io.BytesIO()
    with open_row_writer("-", columns, format=format, stdout=stdout, **options) as writer:  # type: ignore[arg-type]
        for row in rows:
            writer.write(row)
    return stdout.getvalue()


def read_rows(data: bytes, format: str, **options: object) -> list[dict[str, object]]:
    stdin = io.BufferedReader(io.BytesIO(data))
    with open_reader("-", format=format, encoding="utf-8", stdin=stdin, **options) as source:  # type: ignore[arg-type]
        records = list(source.records())
    assert [record.error for record in records] == [None] * len(records)
    return [dict(record.fields) for record in records]


@pytest.mark.parametrize(("format", "delimiter"), [("csv", ","), ("tsv", "\t"), ("csv.gz", ",")])
@given(names=st.lists(cells, min_size=4, max_size=4, unique=True), table=tables)
def test_delimited_rows_survive_a_round_trip(
    format: str, delimiter: str, names: list[str], table: list[list[str]]
) -> None:
    columns = names[: len(table[0])] if table else names
    rows: list[dict[str, object]] = [dict(zip(columns, row, strict=True)) for row in table]
    data = write_rows(columns, rows, format, formula_safe=False)
    named = [name if name.strip() else f"column_{place}" for place, name in enumerate(columns, start=1)]
    expected = [dict(zip(named, row.values(), strict=True)) for row in rows]
    assume(len(set(named)) == len(named))
    assert read_rows(data, format, delimiter=delimiter, header=True, quotes="csv") == expected
    if not format.endswith(".gz"):  # and by Python's reader
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
def test_json_rows_survive_a_round_trip(format: str, rows: list[dict[str, object]]) -> None:
    data = write_rows([], rows, format)
    if rows:
        assert read_rows(data, format) == rows
    text = (gzip.decompress(data) if format.endswith("gz") else data).decode()
    assert [json.loads(line) for line in text.split("\n")[:-1]] == rows
    assert not set("\u2028\u2029") & set(text)


@given(st.lists(st.text(st.sampled_from("ab\ud800\udfff\ud83d")), min_size=1))
def test_lone_surrogates_survive_in_json_and_are_escaped_in_csv(texts: list[str]) -> None:
    rows: list[dict[str, object]] = [
        {"text": f"{' '.join(text)}"} for text in texts
    ]  # separated: a pair would become one character
    assert read_rows(write_rows([], rows, "jsonl"), "jsonl") == rows
    in_csv = read_rows(write_rows(["text"], rows, "csv"), "csv")
    assert [str(row["text"]).encode().decode("unicode_escape") for row in in_csv] == [row["text"] for row in rows]


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
    (back,) = read_rows(write_rows(columns, [row], "csv"), "csv")
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
def test_formulas_are_escaped_unless_formula_safe_is_false(format: str, cell: str, safe: str) -> None:
    rows: list[dict[str, object]] = [{"id": "1", "text": cell}]
    assert read_rows(write_rows(["id", "text"], rows, format), format) == [{"id": "1", "text": safe}]
    assert read_rows(write_rows(["id", "text"], rows, format, formula_safe=False), format) == rows


def test_formulas_in_the_header_are_escaped() -> None:
    assert write_rows(["=1+1", "b"], [], "csv") == b"'=1+1,b\n"


def test_a_byte_order_mark_in_the_first_column_is_kept() -> None:
    rows: list[dict[str, object]] = [{"\ufefftext": "\ufeffone"}]
    assert read_rows(write_rows(["\ufefftext"], rows, "csv"), "csv") == rows


def test_unicode_line_separators_are_escaped_in_json() -> None:
    assert write_rows([], [{"text": "a\u2028b\u2029c\x85"}], "jsonl") == '{"text": "a\\u2028b\\u2029c\x85"}\n'.encode()


def test_json_is_never_changed_by_formula_safety() -> None:
    assert write_rows([], [{"text": "=1+1"}], "jsonl") == b'{"text": "=1+1"}\n'


def test_fields_without_a_column_are_refused_in_csv() -> None:
    with pytest.raises(ConfigError, match="CSV has no column") as caught:
        write_rows(["text"], [{"text": "a", "extra": "b"}], "csv")
    assert caught.value.found == "extra"


def test_there_are_three_formats() -> None:
    assert set(FORMATS) == {"jsonl", "csv", "tsv"}

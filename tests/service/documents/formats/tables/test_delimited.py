from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from glossator.service.documents.formats.tables.delimited import MAX_ROW_LINES
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import InputError, UndecodableText, UnreadableRow
from tests.service.documents.formats.read_table import read, source_of, values

cells = st.text(
    st.one_of(
        st.sampled_from("\",;\t|\r\n' a1\u2028\x85\ufeff\U0001f600="),
        st.characters(codec="utf-8", exclude_characters="\ufffd"),
    )
)


tables = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=8)
)


@given(tables, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["\n", "\r\n"]))
def test_rows_written_by_the_csv_module_are_read_unchanged(
    table: list[list[str]], delimiter: str, line_end: str
) -> None:
    header = [f"c{number}" for number in range(len(table[0]))]
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([header, *table])
    records = read(written.getvalue(), delimiter=delimiter, encoding="utf-8")
    assert values(records) == table
    # Line numbers, against the csv module's own count of lines before each row. It counts a line a LF here, since
    # splitting by LF alone is what it is fed.
    fed = csv.reader(_by_lf(written.getvalue()), delimiter=delimiter)
    starts = [1]
    for _ in fed:
        starts.append(fed.line_num + 1)
    assert [record.line for record in records] == starts[1:-1]


NAMES = ["text", "label", "id", "topic", "comment"]


@given(
    tables,
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_tables_below_a_clear_header_are_detected_and_read_unchanged(
    table: list[list[str]], delimiter: str, line_end: str, quoting: Literal[0, 1]
) -> None:
    table = [[cell.replace("\r", " ") for cell in row] for row in table]
    names = NAMES[: len(table[0])]
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows([names, *table])
    # A cell over several lines that each have the cells of a row may be stray quotes: that row is not tested.
    assume(not any(_looks_like_rows(row, delimiter) for row in table))
    with source_of(written.getvalue(), encoding="utf-8") as source:
        assert (source.columns, source.delimiter) == (tuple(names), delimiter)
        assert values(list(source.records())) == table


def _looks_like_rows(row: list[str], delimiter: str) -> bool:
    lines = delimiter.join(row).split("\n")
    return len(lines) > 1 and all(line.count(delimiter) == len(row) - 1 for line in lines)


def _by_lf(text: str) -> list[str]:
    return [f"{line}\n" for line in text.split("\n")[:-1]]


def test_line_numbers_count_lines_within_cells_and_blank_lines() -> None:
    records = read('text,label\n"one\ntwo",a\n\nthree,b\r\n"four\r\n\r\nfive",c\nsix,d\n')
    assert [(record.line, record.fields["text"]) for record in records] == [
        (2, "one\ntwo"),
        (5, "three"),
        (6, "four\r\n\r\nfive"),
        (9, "six"),
    ]


def test_too_few_and_too_many_fields_are_errors_of_their_rows() -> None:
    records = read("text,label\nok,a\nshort\nlong,a,b\nfine,b\n", delimiter=",")
    assert [record.error is None for record in records] == [True, False, False, True]
    assert isinstance(records[1].error, UnreadableRow)
    assert "line 3: the row has 1 field" in records[1].error.message
    assert records[1].error.expected == "2 fields: text, label"
    assert (records[2].line, records[2].raw, dict(records[2].fields)) == (4, "long,a,b ", {})


def test_rows_with_more_cells_than_the_header_are_errors() -> None:
    records = read("text,label\na,x,more\nb,y,more\n")
    assert all(record.error is not None for record in records)


def test_a_file_of_blank_lines_is_empty() -> None:
    with pytest.raises(InputError, match="empty"):
        source_of("\n\r\n\n")


def test_a_blank_line_in_one_column_is_a_row() -> None:
    assert values(read("text\none\n\ntwo\n")) == [["one"], [""], ["two"]]


def test_an_unclosed_quote_affects_one_row_and_the_error_names_its_line() -> None:
    records = read('text,label\n"one",a\n"two,b\nthree,c\nfour,d\n')
    assert [record.line for record in records] == [2, 3, 4, 5]
    assert [record.error is None for record in records] == [True, False, True, True]
    assert isinstance(records[1].error, UnreadableRow)
    assert "the quote that opens on line 3 is never closed" in records[1].error.message
    assert records[1].raw == '"two,b '


def test_a_quote_closed_by_the_opening_quote_of_a_later_row_affects_one_row() -> None:
    records = read('text,label\n"two,b\nthree,c\n"four, five",d\nsix,e\n')
    assert [record.error is None for record in records] == [False, True, True, True]
    assert records[0].error is not None
    assert "opens on line 2 closes in the middle of a cell on line 4" in records[0].error.message
    assert values(records[1:]) == [["three", "c"], ["four, five", "d"], ["six", "e"]]


def test_the_error_names_the_line_of_the_quote_not_of_the_row() -> None:
    records = read('a,b\n"x\ny","never closed\nz,1\n')
    assert records[0].error is not None
    assert (records[0].line, records[0].raw) == (2, '"x y","never closed ')
    assert "the quote that opens on line 3 is never closed" in records[0].error.message
    assert values(records[1:]) == [["z", "1"]]


def test_text_after_a_closing_quote_is_an_error_not_a_silent_change() -> None:
    records = read('text,label\n"big" sale,a\n"ok",b\n')
    assert [record.error is None for record in records] == [False, True]


def test_quotes_inside_an_unquoted_cell_are_text() -> None:
    assert values(read('text,label\n5" disk,a\n')) == [['5" disk', "a"]]


def test_a_lone_cr_outside_quotes_is_an_error_and_inside_them_text() -> None:
    records = read(b'text,label\none\rtwo,a\n"three\rfour",b\n')
    assert [record.error is None for record in records] == [False, True]
    assert records[1].fields["text"] == "three\rfour"


def test_a_file_of_lone_cr_line_ends_is_refused_not_read_as_no_rows() -> None:
    with pytest.raises(InputError) as caught:
        source_of("text,label\rone,a\rtwo,b\r")
    assert "LF" in (caught.value.hint or "")


def test_bytes_that_are_not_utf8_affect_only_their_row() -> None:
    records = read("text,label\nnaïve,a\nété,b\n".encode() + "naïve,c\n".encode("cp1252") + b"ok,d\n")
    assert [record.error is None for record in records] == [True, True, False, True]
    assert isinstance(records[2].error, UndecodableText)
    assert "line 4" in records[2].error.message
    assert records[2].raw == "na\\xefve,c "


def test_invalid_bytes_after_the_sample_affect_only_their_row() -> None:
    data = b"text,label\n" + (b"plain words " * 100 + b",a\n") * 1000 + b"caf\xe9,b\nlast,c\n"
    *_, bad, last = read(data)
    assert isinstance(bad.error, UndecodableText)
    assert (bad.line, last.fields["text"]) == (1002, "last")


def test_windows_1252_is_guessed_reported_and_read() -> None:
    source = source_of("text,label\nOù est le colis “café” ? Ça m'inquiète,a\n".encode("cp1252"))
    assert "windows-1252 (guessed)" in source.describe()
    assert values(list(source.records())) == [["Où est le colis “café” ? Ça m'inquiète", "a"]]


def test_utf16_with_a_byte_order_mark_is_read() -> None:
    assert values(read('text,label\r\n"naïve\r\nツ",a\r\n'.encode("utf-16"))) == [["naïve\r\nツ", "a"]]


@pytest.mark.parametrize("quoted", [True, False])
def test_a_cell_of_five_megabytes_is_read(quoted: bool) -> None:
    text = "word " * 1_000_000 + "end"
    row = f'"{text}\nlast"' if quoted else text
    records = read(f"text,label\n{row},a\nnext,b\n")
    assert [len(str(record.fields["text"])) for record in records] == [len(text) + 5 * quoted, 4]


def test_a_row_above_the_limit_is_an_error_and_reading_continues() -> None:
    records = read("text,label\none,a\n" + "x" * 3000 + ",b\ntwo,c\n", max_row=1000)
    assert [record.error is None for record in records] == [True, False, True]
    assert records[1].error is not None
    assert "too long" in records[1].error.message
    assert records[1].error.found == "3,003 characters"


def test_a_quoted_cell_above_the_limit_is_an_error_and_no_row_after_it_is_lost() -> None:
    rows = "".join(f"row {number},b\n" for number in range(100))
    records = read(f'"text",label\n"open,a\n{rows}', max_row=300)
    assert len(records) == 101
    assert records[0].error is not None
    assert "is not closed within 300 characters" in records[0].error.message
    assert values(records[1:]) == [[f"row {number}", "b"] for number in range(100)]


def test_an_overlong_line_within_quotes_ends_the_row() -> None:
    records = read('"text",label\n"open,a\n' + "y" * 600 + "\nlast,c\n", max_row=300)
    assert [record.error is None for record in records] == [False, False, True]
    assert records[0].error is not None
    assert "is not closed before line 3, which could not be read" in records[0].error.message


def test_a_row_has_a_maximum_number_of_lines() -> None:
    first = next(source_of('a\n"' + "\n" * (MAX_ROW_LINES + 2)).records())
    assert first.error is not None
    assert f"{MAX_ROW_LINES:,} lines" in first.error.message


def test_truncated_gzip_gives_the_rows_so_far_then_an_error() -> None:
    import gzip

    data = gzip.compress("".join(f"text {number * 7919 % 1000},a\n" for number in range(900)).encode())
    records = read(data[: len(data) // 2], format="csv.gz", header=False)
    assert all(record.error is None for record in records[:-1])
    assert len(records) > 10
    assert "from line" in str(records[-1].error)


@given(st.text(st.sampled_from('ab",\n\r;'), max_size=60))
def test_any_text_is_read_to_its_end_in_order(text: str) -> None:
    """No input crashes the reader or makes it skip rows: line numbers increase, and no text of a row is lost."""
    records = read(f"h,i\n{text}", delimiter=",")
    numbers = [record.line for record in records]
    assert numbers == sorted(set(numbers))
    held = "".join(record.raw or "".join(str(value) for value in record.fields.values()) for record in records)
    assert sum(held.count(letter) for letter in "ab;") == sum(text.count(letter) for letter in "ab;")


@pytest.mark.parametrize(
    "path", ["banking77/train.csv", "cfpb-complaints/complaints_sample.csv", "sick-en-ja/ja-dev.csv"]
)
def test_real_files_are_read_as_the_csv_module_reads_them(shared_data: Path, path: str) -> None:
    with open(shared_data / path, encoding="utf-8", newline="") as file:
        expected = [list(row.values()) for row in csv.DictReader(file, strict=True)]
    with open_reader(shared_data / path) as source:
        assert values(list(source.records())) == expected

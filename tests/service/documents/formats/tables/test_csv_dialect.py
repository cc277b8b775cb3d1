from __future__ import annotations

import csv
import io
import itertools
from pathlib import Path

import pytest

from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import ConfigError
from tests.service.documents.formats.read_table import read, source_of, values

LATE = [f"the parcel is late again number {number}" for number in range(24)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected(delimiter: str) -> None:
    rows = [["text", "label", "note"], ["one, two; three", "a", "x|y"], ["four, five", "b", "z\tz"]]
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows(rows)
    source = source_of(written.getvalue())
    assert source.delimiter == delimiter
    assert source.columns == ("text", "label", "note")
    assert values(list(source.records())) == rows[1:]


def test_one_column_with_commas_in_quotes_stays_one_column() -> None:
    assert source_of('text\n"a, b"\n"c; d"\n').columns == ("text",)


def test_unquoted_commas_give_errors_not_a_guess_of_one_column() -> None:
    records = read("text,label\n" + "hello, world,a\n" * 6 + "fine,b\n" * 4)
    assert [record.error is None for record in records] == [False] * 6 + [True] * 4


@pytest.mark.parametrize("delimiter", ["\t", ";", ","])
def test_stray_quotes_never_merge_rows(delimiter: str) -> None:
    """Two quotes at the start of a cell and the end of a later one enclose rows that are complete."""
    texts = [f'"{text}' if number == 5 else f'{text}"' if number == 11 else text for number, text in enumerate(LATE)]
    source = source_of(f"text{delimiter}label\n" + "".join(f"{text}{delimiter}late\n" for text in texts))
    assert values(list(source.records())) == [[text, "late"] for text in texts]
    (decision,) = source.decisions()
    assert (decision.subject, decision.chosen, decision.option) == ("quotes", "text", "--quotes csv")


def test_stray_quotes_after_the_sample_are_errors_of_their_rows() -> None:
    rows = [f"{'plain words ' * 20}\tlate\n"] * 6_000
    rows[5_500], rows[5_504] = f'"{rows[5_500]}', rows[5_504].replace("\t", '"\t')
    records = read("text\tlabel\n" + "".join(rows), format="tsv")
    assert len(records) == 6_000
    assert [record.line for record in records if record.error is not None] == [5_502]


@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_cells_with_line_breaks_are_still_read(delimiter: str) -> None:
    table = [[f"first line{delimiter} {number}\nsecond{delimiter}line", "late"] for number in range(10)]
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows([["text", "label"], *table, ["one line, quoted", "x"]])
    assert [row[0].count("\n") for row in values(read(written.getvalue()))] == [1] * 10 + [0]


def test_excels_separator_line_is_skipped() -> None:
    source = source_of("\ufeffsep=;\r\ntext;label\r\nwhere, is it;late\r\n")
    assert source.columns == ("text", "label")
    assert [(record.line, list(record.fields.values())) for record in source.records()] == [
        (3, ["where, is it", "late"])
    ]


def test_tsv_without_tabs_is_read_by_its_content() -> None:
    source = source_of("text;label\na;x\nb;y\n", format="tsv")
    assert source.columns == ("text", "label")
    assert source.decisions()[0].message.startswith("delimiter: ';' (guessed)")


def test_tsv_quotes_are_literal_if_parsing_them_as_quotes_fails() -> None:
    source = source_of('ham\t"Wen u miss" gdeve..\nspam\t"Win" now\n', format="tsv", header=False)
    assert "quotes taken literally" in source.describe()
    assert values(list(source.records())) == [["ham", '"Wen u miss" gdeve..'], ["spam", '"Win" now']]


def test_tsv_quotes_are_quotes_if_they_can_be_parsed() -> None:
    assert values(read('a\tb\n"x\ty"\t"1\n2"\n', format="tsv")) == [["x\ty", "1\n2"]]


@pytest.mark.parametrize("delimiter", [",,", "", '"', "\n"])
def test_an_invalid_delimiter_is_refused(delimiter: str) -> None:
    with pytest.raises(ConfigError):
        source_of("a,b\n", delimiter=delimiter)


def test_tsv_takes_no_other_delimiter() -> None:
    with pytest.raises(ConfigError, match="delimiter"):
        source_of("a\tb\n", format="tsv", delimiter=",")


def test_a_real_tsv_with_literal_quotes_keeps_every_line(shared_data: Path) -> None:
    path = shared_data / "sms-spam" / "SMSSpamCollection.tsv"
    lines = path.read_bytes().decode().removesuffix("\n").split("\n")
    with open_reader(path, header=False) as source:
        records = list(source.records())
    assert values(records) == [line.removesuffix("\r").split("\t", 1) for line in lines]
    assert list(itertools.islice((record.line for record in records), 3)) == [1, 2, 3]

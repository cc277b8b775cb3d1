from __future__ import annotations

from pathlib import Path

import pytest

from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import InputError
from tests.service.documents.formats.read_table import read, source_of, values


def test_repeated_column_names_are_refused_with_the_names() -> None:
    with pytest.raises(InputError, match="same name") as caught:
        source_of("text,label,text\na,b,c\n")
    assert caught.value.found == "text"


def test_no_header_numbers_the_columns() -> None:
    source = source_of("good,a\nbad,b\n", header=False)
    assert source.columns == ("column_1", "column_2")
    assert "no header" in source.describe()
    assert values(list(source.records())) == [["good", "a"], ["bad", "b"]]


def test_columns_without_a_name_are_called_by_their_number() -> None:
    source = source_of("v1,text,,\nlate,where is it,,\n")
    assert source.columns == ("v1", "text", "column_3", "column_4")
    (decision,) = source.decisions()
    assert decision.message == "column names: column_3, column_4 (the header has no name for them)"
    assert values(list(source.records())) == [["late", "where is it", "", ""]]
    assert source_of(",text\n0,hello\n").columns == ("column_1", "text")


@pytest.mark.parametrize(
    ("data", "columns", "rows"),
    [
        ("text,label,,\na,x\nb,y\n", ("text", "label"), [["a", "x"], ["b", "y"]]),
        ("text,label\na,x,\nb,y,\n", ("text", "label", "column_3"), [["a", "x", ""], ["b", "y", ""]]),
        ("text,label\n1,a,x\n2,b,y\n", ("column_1", "text", "label"), [["1", "a", "x"], ["2", "b", "y"]]),
    ],
)
def test_header_of_another_width_is_fitted_where_the_difference_is_clear(
    data: str, columns: tuple[str, ...], rows: list[list[str]]
) -> None:
    source = source_of(data)
    assert source.columns == columns
    assert values(list(source.records())) == rows


@pytest.mark.parametrize(
    ("first", "rest", "columns"),
    [
        (["the parcel is late again", "0,7", "id0"], ["1", "0,7", "0"], None),
        (["some text of many words", "late"], ["late", "damaged"], None),
        (["text", "late"], ["late", "damaged"], ("text", "late")),
        (["Danke", "positiv"], ["positiv", "negativ"], None),
        (["Message body", "2019"], ["7", "8"], ("Message body", "2019")),
    ],
)
def test_header_is_doubted_where_the_first_row_looks_like_data(
    first: list[str], rest: list[str], columns: tuple[str, ...] | None
) -> None:
    rows = [
        [f"another text of many words {number}", rest[number % len(rest)], f"id{number + 1}"][: len(first)]
        for number in range(12)
    ]
    source = source_of("".join("\t".join(row) + "\n" for row in [first, *rows]), format="tsv")
    (decision,) = source.decisions()
    assert (decision.subject, decision.guessed) == ("header", True)
    if columns is None:
        assert decision.option == "--header"
        assert source.columns == tuple(f"column_{number}" for number in range(1, len(first) + 1))
        assert values(list(source.records())) == [first, *rows]
    else:
        assert decision.option == "--no-header"
        assert source.columns == columns
    for header in (True, False):
        assert source_of("a\tb\n" * 9, format="tsv", header=header).decisions() == []


def test_a_header_without_evidence_is_a_shown_guess() -> None:
    source = source_of("late again\nbroken now\nwhere is it\nhello there\n")
    assert source.columns == ("late again",)
    assert [decision.message for decision in source.decisions()] == [
        "header: line 1 (guessed) (most files have one); runner-up: no header: no column has a usual name; "
        "change with --no-header"
    ]


def test_numbers_below_a_number_are_data_in_a_short_file_too() -> None:
    assert values(read("1,late\n2,late\n")) == [["1", "late"], ["2", "late"]]
    assert values(read("nr,name\n1,late\n")) == [["1", "late"]]


@pytest.mark.parametrize("title", ["Tickets of May\n\n", "exported on Monday\n"])
def test_a_title_above_the_header_is_refused(title: str) -> None:
    with pytest.raises(InputError, match="looks like a title") as caught:
        source_of(f"{title}text,label\nwhere is it,late\nwhat now,late\n")
    assert caught.value.expected == "the line with text, label first"


def test_a_header_alone_has_no_rows() -> None:
    assert read("text,label\n") == []


@pytest.mark.parametrize("folder", ["banking77", "cfpb-complaints", "sick-en-ja"])
def test_headers_of_real_tables_are_not_doubted(shared_data: Path, folder: str) -> None:
    paths = sorted((shared_data / folder).glob("*.csv"))
    assert paths
    for path in paths:
        with open_reader(path) as source:
            assert source.decisions() == []
            assert not source.columns[0].startswith("column_")


def test_headers_of_the_examples_are_not_doubted() -> None:
    for path in sorted((Path(__file__).resolve().parents[4] / "examples").glob("*.csv")):
        with open_reader(path) as source:
            assert source.columns[0] == "ticket_id"
            assert source.decisions() == []


def test_a_real_table_without_a_header_keeps_its_first_row(shared_data: Path) -> None:
    path = shared_data / "sms-spam" / "SMSSpamCollection.tsv"
    with open_reader(path) as source:
        first = next(iter(source.records()))
        assert {decision.subject: decision.chosen for decision in source.decisions()} == {
            "quotes": "text",
            "header": "none",
        }
    assert first.fields["column_1"] == "ham"


@pytest.mark.parametrize("title", ["Export of tickets, May, by Ann\n", "Tickets, May\n\n", "a,b\nc,d\n"])
def test_a_title_with_several_cells_is_refused_too(title: str) -> None:
    with pytest.raises(InputError, match="looks like a title"):
        source_of(f"{title}text,label\nlate box,delivery\nno money,refund\n")


def test_a_header_that_is_repeated_below_is_an_error_of_its_row() -> None:
    records = read("text,label\nlate box,delivery\nText, LABEL\nno money,refund\ntext,delivery\n")
    assert [record.error is None for record in records] == [True, False, True, True]
    assert "line 3: the row repeats the names of the columns" in str(records[1].error)
    assert values(read("text\nlate box\ntext\n")) == [["late box"], ["text"]]
    assert len(values(read("text,label\nlate box,a\ntext,label\n", header=False))) == 3

"""Spreadsheets written by openpyxl, an independent package."""

from __future__ import annotations

import datetime
import io
import zipfile
from pathlib import Path
from typing import Any

import msoffcrypto.format.ooxml
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples

from glossator.service.documents.formats.tables.spreadsheet import SpreadsheetSource
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import ConfigError, InputError, UndecodableFile


def write(path: Path, rows: list[list[object]], *, sheets: int = 1) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Data"
    for row in rows:
        sheet.append(row)
    for number in range(1, sheets):
        book.create_sheet(f"Other {number}")
    book.save(path)
    return path


def test_rows_keep_their_types_and_their_numbers(tmp_path: Path) -> None:
    when = datetime.datetime(2026, 1, 2, 3, 4, 5)
    path = write(
        tmp_path / "a.xlsx",
        [[], ["text", "n", "when", "yes"], ["a", 1, when, True], [None, None, None, None], ["b", 1.5, None, False]],
        sheets=3,
    )
    with open_reader(path) as source:
        assert source.columns == ("text", "n", "when", "yes")
        assert source.describe() == f"{path}: xlsx, sheet 'Data', one of 3 sheets, columns text, n, when, yes"
        records = list(source.records())
    assert [record.fields for record in records] == [
        {"text": "a", "n": 1, "when": when, "yes": True},
        {"text": "b", "n": 1.5, "when": None, "yes": False},
    ]
    assert [record.line for record in records] == [3, 5]
    assert isinstance(records[0].fields["n"], int)


_CELLS = st.text(
    alphabet=st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff_"),
    min_size=1,
).filter(lambda text: not text.startswith("="))


@settings(max_examples=examples(30))
@given(rows=st.lists(st.lists(_CELLS, min_size=2, max_size=2), min_size=1, max_size=6))
def test_any_text_is_read_unchanged(rows: list[list[object]], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = write(tmp_path_factory.mktemp("any") / "a.xlsx", [["one", "two"], *rows])
    with open_reader(path) as source:
        assert [list(record.fields.values()) for record in source.records()] == rows


def test_unnamed_columns_get_a_name_and_short_rows_are_filled(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", [["text", None, "label"], ["a", "b"], ["c", "d", "e"]])
    with open_reader(path) as source:
        assert source.columns == ("text", "column_2", "label")
        assert [list(record.fields.values()) for record in source.records()] == [["a", "b", None], ["c", "d", "e"]]


def test_without_a_header_every_row_is_data(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", [["a", "b"], ["c", "d"]])
    with open_reader(path, header=False) as source:
        assert source.columns == ("column_1", "column_2")
        assert [record.line for record in source.records()] == [1, 2]


def test_repeated_column_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="columns with the same name"):
        open_reader(write(tmp_path / "a.xlsx", [["text", "text"], ["a", "b"]]))


def test_a_spreadsheet_with_a_password_is_refused_with_a_hint(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.xlsx", [["text"], ["a"]])
    with plain.open("rb") as file, (tmp_path / "locked.xlsx").open("wb") as out:
        msoffcrypto.format.ooxml.OOXMLFile(file).encrypt("secret", out)
    with pytest.raises(UndecodableFile, match="protected by a password") as raised:
        open_reader(tmp_path / "locked.xlsx")
    assert "remove the password" in (raised.value.hint or "")


@pytest.mark.parametrize("content", [b"not a sheet", b"PK\x03\x04 cut off", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 70])
def test_a_file_that_is_not_a_spreadsheet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(UndecodableFile):
        open_reader(tmp_path / "a.xlsx")


def test_empty_files_and_empty_sheets_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        open_reader(tmp_path / "a.xlsx")
    with pytest.raises(InputError, match="empty"):
        open_reader(write(tmp_path / "b.xlsx", []))


def test_streams_gzip_and_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="from a stream or compressed"):
        open_reader("-", format="xlsx", stdin=io.BytesIO(b"x"))
    path = write(tmp_path / "a.xlsx", [["text"], ["a"]])
    with pytest.raises(ConfigError, match="takes no encoding"):
        open_reader(path, encoding="utf-8")


def test_a_file_that_expands_too_far_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glossator.service.documents.formats.tables.spreadsheet.MAX_EXPANDED_BYTES", 100_000)
    path = write(tmp_path / "a.xlsx", [["text"], ["a"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.bin", b"\0" * 200_000)
    with pytest.raises(InputError, match="expands to"):
        open_reader(path)


def test_a_cell_above_the_limit_is_a_row_with_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", [["text"], ["x" * 200], ["short"]])
    with open_reader(path, max_row=100) as source:
        assert isinstance(source, SpreadsheetSource)
        records = list(source.records())
    assert "200 characters" in str(records[0].error)
    assert records[1].fields == {"text": "short"}


TICKETS: list[list[object]] = [["text", "label"], ["late box", "delivery"], ["broken lamp", "damage"]]
ORDERS: list[list[object]] = [["text"], ["two lamps, please"]]


def write_sheets(path: Path, sheets: dict[str, list[list[object]]], *, merged: tuple[str, ...] = ()) -> Path:
    """Write sheets by their names; cells are merged in the first sheet."""
    book = openpyxl.Workbook()
    assert book.active is not None
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    for cells in merged:
        book.worksheets[0].merge_cells(cells)
    book.save(path)
    return path


def texts(path: Path, **options: Any) -> list[object]:
    with open_reader(path, **options) as source:
        return [record.fields["text"] for record in source.records()]


def messages(path: Path) -> list[str]:
    with open_reader(path) as source:
        return [decision.message for decision in source.decisions()]


@pytest.mark.parametrize("sheet", ["Orders", "2"])
def test_a_sheet_is_named_by_its_name_or_number(tmp_path: Path, sheet: str) -> None:
    path = write_sheets(tmp_path / "a.xlsx", {"Tickets": TICKETS, "Orders": ORDERS})
    assert texts(path, sheet=sheet) == ["two lamps, please"]
    with open_reader(path, sheet=sheet) as source:
        assert source.decisions() == []


def test_a_name_counts_before_a_number(tmp_path: Path) -> None:
    path = write_sheets(tmp_path / "a.xlsx", {"2": TICKETS, "1": ORDERS})
    assert texts(path, sheet="1") == ["two lamps, please"]


@pytest.mark.parametrize("sheet", ["Bills", "0", "3", "orders"])
def test_an_unknown_sheet_is_refused_with_the_known_ones(tmp_path: Path, sheet: str) -> None:
    path = write_sheets(tmp_path / "a.xlsx", {"Tickets": TICKETS, "Orders": ORDERS})
    with pytest.raises(ConfigError, match="no such sheet") as caught:
        texts(path, sheet=sheet)
    assert caught.value.expected == "one of Tickets, Orders, or its number"


def test_an_empty_first_sheet_is_skipped_and_the_other_sheets_are_named(tmp_path: Path) -> None:
    path = write_sheets(tmp_path / "a.xlsx", {"Notes": [], "Tickets": TICKETS, "Orders": ORDERS})
    assert texts(path) == ["late box", "broken lamp"]
    assert messages(path) == ["sheet: Tickets (the first sheet that has cells); runner-up: Orders; change with --sheet"]


def test_a_first_row_that_looks_like_data_is_no_header(tmp_path: Path) -> None:
    rows: list[list[object]] = [[f"parcel {number} has not come yet", "late"] for number in "abcdef"]
    path = write_sheets(tmp_path / "a.xlsx", {"Data": rows})
    with open_reader(path) as source:
        assert [list(record.fields.values()) for record in source.records()] == rows
        (decision,) = source.decisions()
    assert (decision.subject, decision.chosen, decision.option) == ("header", "none", "--header")
    with open_reader(path, header=True) as source:
        assert source.columns == ("parcel a has not come yet", "late")


@pytest.mark.parametrize(
    ("above", "message"),
    [
        ([["Tickets of May"], [], ["Kunde", "Wort"]], "row 1 of .* has one cell: it looks like a title"),
        ([["Tickets of May"], []], "row 1 of .* looks like a title; row 3 looks like the column names"),
        ([["Report", "May"], []], "row 1 of .* looks like a title; row 3 looks like the column names"),
    ],
)
def test_a_title_above_the_header_is_refused_with_a_hint(
    tmp_path: Path, above: list[list[object]], message: str
) -> None:
    path = write_sheets(tmp_path / "a.xlsx", {"Data": [*above, *TICKETS[len(above) // 3 :]]})
    with pytest.raises(InputError, match=message) as caught:
        texts(path)
    assert str(caught.value.hint).startswith("Delete the rows above")


def test_merged_cells_lose_no_text_and_multiply_none(tmp_path: Path) -> None:
    rows = [*TICKETS, ["no box", "delivery"]]
    rows[2] = ["broken lamp", None]
    path = write_sheets(tmp_path / "a.xlsx", {"Data": rows}, merged=("B2:B3",))
    with open_reader(path) as source:
        assert [list(record.fields.values()) for record in source.records()] == [
            ["late box", "delivery"],
            ["broken lamp", None],
            ["no box", "delivery"],
        ]
    assert messages(path) == [
        "merged cells: a value is in the first of them only, the others are empty (the sheet merges cells in 1 place)"
    ]


def test_unnamed_columns_are_named_by_their_number_and_shown(tmp_path: Path) -> None:
    path = write_sheets(tmp_path / "a.xlsx", {"Data": [["text", None, "label"], ["late", "7", "delivery"]]})
    with open_reader(path) as source:
        assert [record.fields for record in source.records()] == [
            {"text": "late", "column_2": "7", "label": "delivery"}
        ]
    assert messages(path) == ["column names: column_2 (the header has no name for them)"]

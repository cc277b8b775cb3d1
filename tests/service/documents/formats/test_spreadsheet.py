"""Spreadsheets written by openpyxl, an independent package."""

from __future__ import annotations

import datetime
import io
import zipfile
from pathlib import Path

import msoffcrypto.format.ooxml
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples

from glossator.service.documents.formats.spreadsheet import SpreadsheetSource
from glossator.service.documents.open_source import open_source
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
    with open_source(path) as source:
        assert source.columns == ("text", "n", "when", "yes")
        assert source.describe() == f"{path}: xlsx, sheet 'Data', the first of 3 sheets, columns text, n, when, yes"
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
    with open_source(path) as source:
        assert [list(record.fields.values()) for record in source.records()] == rows


def test_unnamed_columns_get_a_name_and_short_rows_are_filled(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", [["text", None, "label"], ["a", "b"], ["c", "d", "e"]])
    with open_source(path) as source:
        assert source.columns == ("text", "column_2", "label")
        assert [list(record.fields.values()) for record in source.records()] == [["a", "b", None], ["c", "d", "e"]]


def test_without_a_header_every_row_is_data(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", [["a", "b"], ["c", "d"]])
    with open_source(path, header=False) as source:
        assert source.columns == ("column_1", "column_2")
        assert [record.line for record in source.records()] == [1, 2]


def test_repeated_column_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="columns with the same name"):
        open_source(write(tmp_path / "a.xlsx", [["text", "text"], ["a", "b"]]))


def test_a_spreadsheet_with_a_password_is_refused_with_a_hint(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.xlsx", [["text"], ["a"]])
    with plain.open("rb") as file, (tmp_path / "locked.xlsx").open("wb") as out:
        msoffcrypto.format.ooxml.OOXMLFile(file).encrypt("secret", out)
    with pytest.raises(UndecodableFile, match="protected by a password") as raised:
        open_source(tmp_path / "locked.xlsx")
    assert "remove the password" in (raised.value.hint or "")


@pytest.mark.parametrize("content", [b"not a sheet", b"PK\x03\x04 cut off", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 70])
def test_a_file_that_is_not_a_spreadsheet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(UndecodableFile):
        open_source(tmp_path / "a.xlsx")


def test_empty_files_and_empty_sheets_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        open_source(tmp_path / "a.xlsx")
    with pytest.raises(InputError, match="empty"):
        open_source(write(tmp_path / "b.xlsx", []))


def test_streams_gzip_and_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="from a stream or compressed"):
        open_source("-", format="xlsx", stdin=io.BytesIO(b"x"))
    path = write(tmp_path / "a.xlsx", [["text"], ["a"]])
    with pytest.raises(ConfigError, match="takes no encoding"):
        open_source(path, encoding="utf-8")


def test_a_file_that_expands_too_far_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glossator.service.documents.formats.spreadsheet.MAX_EXPANDED_BYTES", 100_000)
    path = write(tmp_path / "a.xlsx", [["text"], ["a"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.bin", b"\0" * 200_000)
    with pytest.raises(InputError, match="expands to"):
        open_source(path)


def test_a_cell_above_the_limit_is_a_row_with_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", [["text"], ["x" * 200], ["short"]])
    with open_source(path, max_row=100) as source:
        assert isinstance(source, SpreadsheetSource)
        records = list(source.records())
    assert "200 characters" in str(records[0].error)
    assert records[1].fields == {"text": "short"}

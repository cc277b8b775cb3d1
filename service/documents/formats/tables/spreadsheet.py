"""Spreadsheets: one sheet of an .xlsx, .xls or .ods file. Needs python-calamine, of the extra `files`."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, BinaryIO

from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.lines import empty_file_error
from glossator.service.documents.formats.tables.spreadsheet_scan import check_sheets
from glossator.service.documents.formats.tables.table_header import (
    SAMPLE_ROWS,
    default_names,
    has_usual_names,
    name_columns,
    unnamed_decisions,
    weigh_header,
)
from glossator.service.documents.record import Record
from glossator.service.documents.sources.source import Source, SourceOptions, refuse_options
from glossator.service.errors import ConfigError, ExtraMissing, InputError, UndecodableFile, UnreadableRow
from glossator.service.files.paths import STANDARD_STREAM, display_name, is_regular_file, open_bytes

MAX_EXPANDED_BYTES = 4 << 30
"""Largest expanded size of a file in bytes: a sheet is read into memory."""
_TITLE_ROWS = 6
"""Rows among which the names of the columns are looked for, to refuse a sheet with a title."""
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class SpreadsheetSource(Source):
    """Rows of one sheet: the named one, else the first one that has cells. Its first row that is not empty has the
    names of the columns, unless it looks like data.

    `Record.line` is the number of the row in the spreadsheet. Empty rows are skipped. An empty cell is None, a whole
    number an int; times keep their type; a formula is the value that was saved with it.
    """

    format = "xlsx"
    takes_encoding = False

    def __init__(self, path: str, options: SourceOptions) -> None:
        refuse_options("a spreadsheet", encoding=options.encoding)
        options.refuse_unused("a spreadsheet", "header", "sheet")
        self.name = display_name(path)
        self._limit = options.max_row
        self._decisions: list[Decision] = []
        if options.codec is not None or path == STANDARD_STREAM or not is_regular_file(path):
            if path != STANDARD_STREAM:
                open_bytes(path).close()  # raises the actual error
            raise InputError(
                f"a spreadsheet cannot be read from a stream or compressed: {self.name}",
                expected="an .xlsx file",
                hint="Save it to a file first.",
            )
        self._stream = open_bytes(path)
        try:
            self._workbook = _open_workbook(self._stream, self.name)
            self._sheet = self._choose_sheet(options.sheet)
            self._rows: Iterator[tuple[int, list[Any]]] = (
                (number, row)
                for number, row in enumerate(self._sheet.iter_rows(), start=1)
                if any(map(_has_value, row))
            )
            self.columns = self._read_header(options.header)
            self._decisions += _merged_decisions(self._sheet)
        except BaseException:
            self.close()
            raise

    def _choose_sheet(self, wanted: str | None) -> Any:
        """Return the named sheet, else the first one that has cells."""
        names = self._workbook.sheet_names
        if not names:
            raise empty_file_error(self.name)
        if wanted is not None:
            is_number = wanted not in names and wanted.isdecimal() and 0 < int(wanted) <= len(names)
            name = names[int(wanted) - 1] if is_number else wanted
            if name not in names:
                raise ConfigError(
                    f"{self.name} has no such sheet", found=wanted, expected=f"one of {', '.join(names)}, or its number"
                )
            return self._load_sheet(name)
        sheets = [self._load_sheet(name) for name in names]
        filled = [sheet for sheet in sheets if sheet.height]
        if len(filled) > 1 or (filled and filled[0] is not sheets[0]):
            why = "the first sheet that has cells"
            others = ", ".join(sheet.name for sheet in filled[1:])
            self._decisions.append(Decision("sheet", filled[0].name, why, others, "--sheet"))
        return filled[0] if filled else sheets[0]

    def _load_sheet(self, name: str) -> Any:
        from python_calamine import CalamineError

        try:
            return self._workbook.get_sheet_by_name(name)
        except (CalamineError, OSError, ValueError) as error:
            raise _incomplete_error(f"sheet '{name}' of {self.name}", error) from None

    def _read_header(self, header: bool | None) -> tuple[str, ...]:
        head = list(islice(self._rows, SAMPLE_ROWS + 1))
        if not head:
            raise empty_file_error(self.name)
        names = [_name(cell) for cell in head[0][1]]
        is_detected = header is None
        if header is None:
            evidence = weigh_header([[_name(cell) for cell in cells] for _, cells in head])
            self._decisions += evidence.decisions()
            header = evidence.is_header
        self._rows = chain(head[1:] if header else head, self._rows)
        if not header:
            return default_names(len(names))
        if is_detected:
            self._refuse_rows_above_header(head, names)
        filled = sum(map(bool, names))
        if filled == 1 and len(names) > 1 and len(head) > 1:
            raise InputError(
                f"row {head[0][0]} of {self.name} has one cell: it looks like a title, not like column names",
                found=next(filter(None, names)),
                expected="a row with the names of the columns first",
                hint="Delete the rows above the header, or pass --no-header.",
            )
        self._decisions += unnamed_decisions(names)
        return name_columns(names, self.name)

    def _refuse_rows_above_header(self, head: list[tuple[int, list[Any]]], names: list[str]) -> None:
        """Raise InputError if one of the next rows has usual names of columns, and the first has none."""
        for place, (number, cells) in enumerate(head[1:_TITLE_ROWS], start=1):
            found = [_name(cell) for cell in cells if _has_value(cell)]
            below = [[_name(cell) for cell in row] for _, row in head[place + 1 :]]
            if len(found) > 1 and has_usual_names([found, *below]) and not has_usual_names([names, found]):
                raise InputError(
                    f"row {head[0][0]} of {self.name} looks like a title; row {number} looks like the column names",
                    found=", ".join(filter(None, names)),
                    expected="a row with the names of the columns first",
                    hint=f"Delete the rows above row {number}, or pass --header if row {head[0][0]} has the names.",
                )

    def _records(self) -> Iterator[Record]:
        for number, row in self._rows:
            cells = [_value(cell) for cell in row[: len(self.columns)]]
            length = max((len(cell) for cell in cells if isinstance(cell, str)), default=0)
            if length > self._limit:
                yield Record(number, {}, _too_long(number, length, self._limit))
            else:
                cells += [None] * (len(self.columns) - len(cells))
                yield Record(number, dict(zip(self.columns, cells, strict=True)))

    def close(self) -> None:
        self._stream.close()

    def details(self) -> list[str]:
        count = len(self._workbook.sheet_names)
        return [f"sheet '{self._sheet.name}'" + (f", one of {count} sheets" if count > 1 else "")]

    def decisions(self) -> list[Decision]:
        return self._decisions


def _merged_decisions(sheet: Any) -> list[Decision]:
    """Return the decision about merged cells, if there are any."""
    count = len(sheet.merged_cell_ranges or ())
    if not count:
        return []
    chosen = "a value is in the first of them only, the others are empty"
    return [
        Decision("merged cells", chosen, f"the sheet merges cells in {count:,} {'place' if count == 1 else 'places'}")
    ]


def _open_workbook(stream: BinaryIO, name: str) -> Any:
    try:
        from python_calamine import CalamineError, CalamineWorkbook, PasswordError
    except ImportError:
        raise ExtraMissing(
            "spreadsheets need python-calamine, which is not installed", hint="pip install 'glossator[files]'"
        ) from None
    head = stream.read(8)
    if not head:
        raise empty_file_error(name)
    stream.seek(0)
    _check_expansion(stream, name)
    try:
        return CalamineWorkbook.from_filelike(stream)
    except PasswordError:
        raise _password_error(name) from None
    except (CalamineError, OSError, ValueError) as error:
        if head == _OLD_OFFICE and name.lower().endswith(".xlsx"):
            raise _password_error(name) from None
        raise _incomplete_error(name, error) from None


def _incomplete_error(name: str, error: Exception) -> UndecodableFile:
    return UndecodableFile(
        f"{name} is not a complete spreadsheet",
        found=error,
        expected="an .xlsx, .xls or .ods file",
        hint="Save it again, or as CSV.",
    )


def _check_expansion(stream: BinaryIO, name: str) -> None:
    """Raise InputError if the file, a ZIP archive, expands to more than MAX_EXPANDED_BYTES, or has a hostile sheet."""
    if zipfile.is_zipfile(stream):
        try:
            archive = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            raise _incomplete_error(name, error) from None
        with archive:
            expanded = sum(member.file_size for member in archive.infolist())
            if expanded > MAX_EXPANDED_BYTES:
                raise InputError(
                    f"{name} expands to {expanded:,} bytes",
                    expected=f"at most {MAX_EXPANDED_BYTES:,}",
                    hint="Save it as CSV, which is read row by row.",
                )
            check_sheets(archive, name)
    stream.seek(0)


def _password_error(name: str) -> UndecodableFile:
    return UndecodableFile(
        f"{name} is protected by a password",
        expected="a spreadsheet without a password",
        hint="Open it, remove the password and save it again.",
    )


def _has_value(cell: object) -> bool:
    return cell is not None and cell != ""


def _name(cell: object) -> str:
    """Return a cell as the name of a column; "" if it is empty."""
    return str(_value(cell)) if _has_value(cell) else ""


def _value(cell: object) -> object:
    """Return the value of a cell as in JSON Lines: spreadsheets have no integers, and "" for an empty cell.

    >>> _value(3.0), _value(1.5), _value("")
    (3, 1.5, None)
    """
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return None if cell == "" else cell


def _too_long(number: int, length: int, limit: int) -> UnreadableRow:
    return UnreadableRow(
        f"row {number}: a cell has {length:,} characters", expected=f"at most {limit:,}", hint="Split the text."
    )

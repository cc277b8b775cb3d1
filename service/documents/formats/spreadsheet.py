"""Spreadsheets: the first sheet of an .xlsx, .xls or .ods file. Needs python-calamine, of the extra `files`."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from glossator.service.documents.decoding.lines import empty_file_error
from glossator.service.documents.record import Record
from glossator.service.documents.source import Source, SourceOptions, refuse_options
from glossator.service.errors import ExtraMissing, InputError, UndecodableFile, UnreadableRow
from glossator.service.files.paths import STANDARD_STREAM, display_name, is_regular_file, open_bytes

MAX_EXPANDED_BYTES = 4 << 30
"""Largest expanded size of a file in bytes: a sheet is read into memory."""
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class SpreadsheetSource(Source):
    """Rows of the first sheet; the first row that is not empty has the column names.

    `Record.line` is the number of the row in the spreadsheet. Empty rows are skipped. An empty cell is None, a whole
    number an int; times keep their type; a formula is the value that was saved with it.
    """

    format = "xlsx"

    def __init__(self, path: str, options: SourceOptions) -> None:
        refuse_options("a spreadsheet", encoding=options.encoding, delimiter=options.delimiter)
        self.name = display_name(path)
        self._limit = options.max_row
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
            self._sheet = self._workbook.get_sheet_by_index(0)
            self._rows: Iterator[tuple[int, list[Any]]] = (
                (number, row)
                for number, row in enumerate(self._sheet.iter_rows(), start=1)
                if any(map(_has_value, row))
            )
            self.columns = self._read_header(options.header)
        except BaseException:
            self.close()
            raise

    def _read_header(self, header: bool | None) -> tuple[str, ...]:
        first = next(self._rows, None)
        if first is None:
            raise empty_file_error(self.name)
        number, cells = first
        if header is False:
            names = [""] * len(cells)
            rest, self._rows = self._rows, iter(())
            self._rows = (row for rows in ([first], rest) for row in rows)
        else:
            names = [str(_value(cell)) if _has_value(cell) else "" for cell in cells]
        named = [name or f"column_{place}" for place, name in enumerate(names, start=1)]
        repeated = [name for name, times in Counter(named).items() if times > 1]
        if repeated:
            raise InputError(
                f"{self.name} has several columns with the same name",
                found=", ".join(repeated),
                expected=f"a different name for each column in row {number}",
                hint="Rename them.",
            )
        return tuple(named)

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
        others = len(self._workbook.sheet_names) - 1
        more = f", the first of {others + 1} sheets" if others else ""
        return [f"sheet {self._sheet.name!r}{more}"]


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
        raise UndecodableFile(
            f"{name} is not a complete spreadsheet",
            found=error,
            expected="an .xlsx, .xls or .ods file",
            hint="Save it again, or as CSV.",
        ) from None


def _check_expansion(stream: BinaryIO, name: str) -> None:
    """Raise InputError if the file, a ZIP archive, expands to more than MAX_EXPANDED_BYTES."""
    if zipfile.is_zipfile(stream):
        with zipfile.ZipFile(stream) as archive:
            expanded = sum(member.file_size for member in archive.infolist())
        if expanded > MAX_EXPANDED_BYTES:
            raise InputError(
                f"{name} expands to {expanded:,} bytes",
                expected=f"at most {MAX_EXPANDED_BYTES:,}",
                hint="Save it as CSV, which is read row by row.",
            )
    stream.seek(0)


def _password_error(name: str) -> UndecodableFile:
    return UndecodableFile(
        f"{name} is protected by a password",
        expected="a spreadsheet without a password",
        hint="Open it, remove the password and save it again.",
    )


def _has_value(cell: object) -> bool:
    return cell is not None and cell != ""


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

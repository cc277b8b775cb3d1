"""Looks through the XML of a spreadsheet before it is parsed, block by block, in little memory.

The parser makes a dense table of a sheet, from its first cell to its last, and it ends silently where tags do not
match. So two cells far apart would fill the memory, and a damaged sheet would be read in part.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from xml.parsers import expat

from glossator.service.documents.reports import report_progress
from glossator.service.errors import InputError, UndecodableFile

ALWAYS_ALLOWED_CELLS = 5_000_000
"""Any sheet may have this many cells between its first and its last one."""
MAX_SPREAD = 20
"""A larger sheet may have this many cells for each one that is filled."""
_BLOCK_BYTES = 1 << 20
_KEPT_BYTES = 1 << 10
_MANIFEST = "META-INF/manifest.xml"
_READ_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError, NotImplementedError, RuntimeError)
_CELL = re.compile(rb"<(?:\w+:)?c\s(?:[^>]{0,400}?\s)?r=[\"']([A-Za-z]{1,9})([0-9]{1,12})[\"']")
_MAX_COLUMNS, _MAX_ROWS = 16_384, 1_048_576
_NOTHING = (1 << 62, 1)
"""The extent before the first cell."""


def check_sheets(archive: zipfile.ZipFile, name: str) -> None:
    """Raise InputError if a part is not well-formed XML, or a sheet has an impossible cell, or few cells far apart."""
    if _is_encrypted(archive):
        return  # the parser reports it
    for member in archive.infolist():
        if member.filename.lower().endswith((".xml", ".rels")):
            _Part(f"{member.filename} of {name}").read(archive, member)


def _is_encrypted(archive: zipfile.ZipFile) -> bool:
    """Whether an OpenDocument file has parts that only a password opens: they are no XML."""
    try:
        with archive.open(_MANIFEST) as manifest:
            return b"encryption-data" in manifest.read(_BLOCK_BYTES)
    except _READ_ERRORS:
        return False


class _Part:
    """A part of a spreadsheet, and the extent of its cells as far as they were read."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._cells = 0
        self._columns = self._rows = _NOTHING

    def read(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        parser = expat.ParserCreate()
        rest = b""
        try:
            with archive.open(member) as stream:
                while block := stream.read(_BLOCK_BYTES):
                    report_progress()
                    parser.Parse(block, False)
                    rest = self._find_cells(rest + block)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise self._damaged(expat.ErrorString(error.code), f"line {error.lineno}") from None
        except _READ_ERRORS as error:
            raise self._damaged(str(error), "") from None

    def _find_cells(self, data: bytes) -> bytes:
        """Count the cells; return the bytes after the last one, in which the next may begin."""
        cells = _CELL.findall(data)
        if not cells:
            return data[-_KEPT_BYTES:]
        letters, numbers = zip(*cells, strict=True)
        columns = [_column_number(each) for each in set(letters)]
        rows = [int(each) for each in set(numbers)]
        self._cells += len(cells)
        self._columns = _extend(self._columns, columns)
        self._rows = _extend(self._rows, rows)
        self._check_extent()
        last = data.rindex(b"".join(cells[-1])) + 1
        return data[max(last, len(data) - _KEPT_BYTES) :]

    def _check_extent(self) -> None:
        for (first, last), limit, what in ((self._columns, _MAX_COLUMNS, "column"), (self._rows, _MAX_ROWS, "row")):
            if first < 1 or last > limit:
                raise UndecodableFile(
                    f"{self._name} has an impossible cell",
                    found=f"a cell in {what} {first if first < 1 else last:,}",
                    expected="A1 to XFD1048576",
                    hint="Open it in its program and save it again.",
                )
        area = (self._columns[1] - self._columns[0] + 1) * (self._rows[1] - self._rows[0] + 1)
        if area > max(ALWAYS_ALLOWED_CELLS, MAX_SPREAD * self._cells):
            raise InputError(
                f"{self._name} is nearly empty and too large",
                found=f"{self._cells:,} cells spread over {area:,}",
                expected=f"at most {ALWAYS_ALLOWED_CELLS:,}, or {MAX_SPREAD} for each filled cell",
                hint="Delete the cells far from the table, or save the sheet as CSV.",
            )

    def _damaged(self, found: str, place: str) -> UndecodableFile:
        return UndecodableFile(
            f"{self._name} is damaged",
            found=f"{found} in {place}" if place else found,
            expected="complete XML",
            hint="Open it in its program and save it again, or export it as CSV.",
        )


def _extend(extent: tuple[int, int], places: list[int]) -> tuple[int, int]:
    return min(extent[0], min(places)), max(extent[1], max(places))


def _column_number(letters: bytes) -> int:
    """Return the number of a column, from 1.

    >>> _column_number(b"A"), _column_number(b"xfd")
    (1, 16384)
    """
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - 64
    return number

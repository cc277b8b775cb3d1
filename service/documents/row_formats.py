"""Formats that rows are written in: JSON Lines, CSV and TSV.

JSON Lines keep every value; see `json_text` for values that JSON lacks. Lone surrogates are escaped (`\\ud83d`) and are
read back unchanged.

CSV and TSV hold text: None is an empty cell, numbers and booleans are written as in JSON, lists and objects as their
JSON. Lone surrogates are written as `\\ud83d`. Text that a spreadsheet would run as a formula, because it starts with
`=`, `+`, `-`, `@`, TAB or CR and is not a number, gets a leading `'`. Rows end with LF.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from glossator.service.documents.formats.tables.csv_dialect import TableDialect
from glossator.service.documents.json_text import to_json, to_json_value
from glossator.service.errors import ConfigError
from glossator.service.files import compression
from glossator.service.files.paths import STANDARD_STREAM

Row = Mapping[str, object]
WriteBytes = Callable[[bytes], object]


class RowFormat(ABC):
    """How rows become bytes, part by part.

    The bytes of a part depend on its rows alone: parts can be made at any time, in any order, by any process, and
    joined at the end.
    """

    format: ClassVar[str]
    nested: ClassVar[bool] = True
    """Whether a value may be a list or an object, and a row may have fields that other rows lack."""
    streamable: ClassVar[bool] = True
    """Whether a file is the header, the parts with `separator` between them, and the footer."""
    separator: ClassVar[bytes] = b""

    def header(self) -> bytes:
        """Return the bytes before the first row."""
        return b""

    @abstractmethod
    def encode(self, rows: Iterable[Row]) -> bytes:
        """Return the bytes of some rows. Raises ConfigError for a field without a column."""

    def footer(self) -> bytes:
        """Return the bytes after the last row."""
        return b""

    def join(self, parts: Sequence[Path], write: WriteBytes) -> None:
        """Write a complete file from the files that hold its parts, in order."""
        write(self.header())
        started = False
        for file in parts:
            data = file.read_bytes()
            if data and started:
                write(self.separator)
            write(data)
            started = started or bool(data)
        write(self.footer())


class LineFormat(RowFormat):
    """A format with one line per row, in UTF-8."""

    def encode(self, rows: Iterable[Row]) -> bytes:
        return b"".join([encode_line(self.line(row)) for row in rows])

    @abstractmethod
    def line(self, row: Row) -> str:
        """Return a row without the end of its line."""


def encode_line(line: str) -> bytes:
    """Return the bytes of a line, LF included."""
    # Only lone surrogates meet backslashreplace: UTF-8 encodes everything else. In a JSON string it is a JSON escape.
    return f"{line}\n".encode("utf-8", "backslashreplace")


class JsonlFormat(LineFormat):
    """One JSON object per line, with the fields of the row in their order."""

    format = "jsonl"

    def __init__(self, columns: Sequence[str], *, formula_safe: bool = True) -> None:
        del columns, formula_safe  # taken by CSV and TSV, which are created in the same way

    def line(self, row: Row) -> str:
        return to_json(row)


class CsvFormat(LineFormat):
    """A header, then one line per row: RFC 4180, but lines end with LF. A missing field is an empty cell."""

    format = "csv"
    nested = False
    _delimiter: ClassVar[str] = ","

    def __init__(self, columns: Sequence[str], *, formula_safe: bool = True) -> None:
        self._columns = tuple(columns)
        self._formula_safe = formula_safe
        self._needs_quotes = re.compile(f'["\\r\\n{self._delimiter}]|^\ufeff')
        self._known = frozenset(self._columns)
        self._header: tuple[str, ...] | None = self._columns
        self._literal = False
        self._separator = self._delimiter

    def use_dialect(self, dialect: TableDialect) -> None:
        """Write like the table that had this dialect: its delimiter, quotes and header."""
        self._separator, self._header = dialect.delimiter, dialect.header
        self._literal = dialect.quotes == "literal"
        self._needs_quotes = re.compile(f'["\\r\\n{re.escape(dialect.delimiter)}]|^\ufeff')

    def header(self) -> bytes:
        return b"" if self._header is None else encode_line(self._join_cells(self._header))

    def line(self, row: Row) -> str:
        if not self._known.issuperset(row):
            raise ConfigError(
                f"{self.format.upper()} has no column for a field of this row",
                found=", ".join(row.keys() - self._known),
                expected=", ".join(self._columns),
            )
        return self._join_cells([row.get(column) for column in self._columns])

    def _join_cells(self, values: Sequence[object]) -> str:
        cells = [self._cell(value) for value in values]
        return '""' if cells == [""] else self._separator.join(cells)  # one empty cell would be a blank line

    def _cell(self, value: object) -> str:
        value = to_json_value(value)
        text = value if isinstance(value, str) else "" if value is None else to_json(value)
        if self._formula_safe and isinstance(value, str) and _FORMULA.match(text) and not _NUMBER.fullmatch(text):
            text = f"'{text}"
        if self._literal:
            return text
        return '"' + text.replace('"', '""') + '"' if self._needs_quotes.search(text) else text


class TsvFormat(CsvFormat):
    """CSV with tabs between the cells; cells with a tab, a quote or a line break are quoted."""

    format = "tsv"
    _delimiter = "\t"


_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

TabularFormat = type[JsonlFormat] | type[CsvFormat]
SUFFIXES: dict[str, TabularFormat] = {
    ".jsonl": JsonlFormat,
    ".ndjson": JsonlFormat,
    ".csv": CsvFormat,
    ".tsv": TsvFormat,
}
"""Formats by suffix; one of `compression.SUFFIXES` may follow."""

FORMATS: dict[str, TabularFormat] = {format_class.format: format_class for format_class in SUFFIXES.values()}

_Format = TypeVar("_Format", bound=RowFormat)


def find_row_format(
    path: str,
    requested: str | None,
    suffixes: Mapping[str, type[_Format]],
    by_name: Mapping[str, type[_Format]] | None = None,
) -> tuple[type[_Format], str | None]:
    """Return the class of an output's format and the suffix of its compression, or None.

    Args:
        path: The output, or `-` for standard output.
        requested: The name of the format; by default the suffix of the path decides.
        suffixes: Formats by suffix.
        by_name: Formats that have no suffix.

    Raises:
        ConfigError: The format is unknown.
    """
    formats = {format_class.format: format_class for format_class in suffixes.values()} | dict(by_name or {})
    name, codec = compression.split_suffix(Path(path).name)
    if requested is None and path == STANDARD_STREAM:
        return suffixes[".jsonl"], None
    if requested is None:
        suffix = Path(name.lower()).suffix
        format_class, found = suffixes.get(suffix), suffix
    else:
        found, requested_codec = compression.split_suffix(requested)
        format_class, codec = formats.get(found), requested_codec or codec
    if format_class is None:
        raise ConfigError(
            f"the format of the output is unknown: {path}",
            found=requested or found or "no suffix",
            expected=f"one of {', '.join(suffixes)}, optionally followed by {', '.join(compression.SUFFIXES)}",
            hint="Use such a suffix, or name the format: --output-format jsonl (format='jsonl' in Python). "
            f"Formats: {', '.join(formats)}.",
        )
    return format_class, codec

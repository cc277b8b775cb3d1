"""Detects the delimiter of a file, and whether its quotes are quotes, from its first rows."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from glossator.service.errors import ConfigError

DELIMITERS = ",\t;|"
"""Tried in this order; if several fit equally well, the first is used."""


Quotes = Literal["csv", "literal"]
"""`csv`: quotes enclose cells that contain delimiters or line breaks. `literal`: quotes are text."""


class _CsvOptions(TypedDict):
    delimiter: str
    quoting: Literal[0, 3]
    strict: bool


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How the cells of a file are separated. `width` is the number of fields per row."""

    delimiter: str
    quoting: bool
    width: int

    def csv_options(self) -> _CsvOptions:
        """Return the options of csv.reader. Strict: text after a closing quote shows that a quote is unclosed."""
        return {
            "delimiter": self.delimiter,
            "quoting": csv.QUOTE_MINIMAL if self.quoting else csv.QUOTE_NONE,
            "strict": True,
        }

    def find_open_quote(self, record: str) -> int | None:
        """Return the position of a quote that is not closed before a delimiter or the end of the record, or None.

        >>> Dialect(",", True, 2).find_open_quote('1,"a ""b"" c","d')
        14
        """
        if not self.quoting:
            return None
        position = 0
        while position < len(record):
            end = position
            if record[position] == '"':
                end = _closing_quote(record, position) + 1
                if end == 0 or record[end : end + 1] not in {"", self.delimiter, "\n", "\r"}:
                    return position
            position = record.find(self.delimiter, end) + 1
            if position == 0:
                break
        return None


def _closing_quote(record: str, opening: int) -> int:
    """Return the position of the quote that closes the cell, skipping doubled quotes; -1 if there is none."""
    end = record.find('"', opening + 1)
    while end >= 0 and record[end + 1 : end + 2] == '"':
        end = record.find('"', end + 2)
    return end


@dataclass(frozen=True, slots=True)
class TableDialect:
    """How a table was written: enough to write it again."""

    format: str
    delimiter: str
    quotes: Quotes
    header: tuple[str, ...] | None
    """The cells of the header, or None if there is none."""


def check_delimiter(delimiter: str | None) -> str | None:
    """Return the delimiter unchanged; raises ConfigError if it cannot be one."""
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ConfigError(
            "invalid delimiter",
            found=delimiter,
            expected="one character, neither a quote nor a line break, such as ',' or ';'",
        )
    return delimiter


def detect_dialect(
    lines: Sequence[str],
    *,
    complete: bool,
    header: bool,
    delimiter: str | None = None,
    quotes: Quotes | None = None,
) -> CsvDialect:
    """Return the dialect of a file from its first lines; `complete` says that they are all lines.

    The expected number of fields is that of the header, or of most rows if there is no header. The delimiter with the
    most rows of this number wins; of equal ones, the one with more fields. Even a delimiter that fits few rows is
    preferred to none: the other rows become errors, whereas reading each line as a single text would hide the fault.

    Quotes are text if that gives every row the same number of fields, while parsing them as quotes fails, gives uneven
    rows, or swallows lines; and if no cell is enclosed in quotes. Tab-separated files whose quotes cannot be parsed may
    have such cells: many have no quoting.
    """
    best, best_score = CsvDialect(DELIMITERS[0], quotes != "literal", 1), (-1.0, 0)
    for candidate in delimiter or DELIMITERS:
        reading = _read(lines, candidate, complete=complete, quoting=quotes != "literal")
        if quotes is None and (reading.is_uneven or reading.swallows_lines):
            literal = _read(lines, candidate, complete=complete, quoting=False)
            tabs_without_quoting = candidate == "\t" and reading.is_uneven
            may_be_literal = tabs_without_quoting or not _has_enclosed_cell(lines, candidate)
            if not literal.is_uneven and literal.widths and literal.widths[0] > 1 and may_be_literal:
                reading = literal
        widths = reading.widths
        width = _expected_width(widths, header=header)
        dialect = CsvDialect(candidate, reading.quoting, max(width, 1))
        if delimiter is not None:
            return dialect
        score = (_agreement(widths[header:], width), width)
        if width > 1 and score > best_score:
            best, best_score = dialect, score
    return best


def _expected_width(widths: Sequence[int], *, header: bool) -> int:
    if header and widths:
        return widths[0]
    return max(Counter(width for width in widths if width).most_common(1), default=(1, 0))[0]


def _agreement(widths: Sequence[int], width: int) -> float:
    return sum(found == width for found in widths) / len(widths) if widths else 1.0


@dataclass(frozen=True, slots=True)
class _Reading:
    """How a dialect reads some lines: the number of fields of each record, 0 for one that cannot be parsed."""

    quoting: bool
    widths: list[int]
    swallows_lines: bool
    """Whether a record spans several lines."""

    @property
    def is_uneven(self) -> bool:
        return 0 in self.widths or len(set(self.widths)) > 1


def _read(lines: Sequence[str], delimiter: str, *, complete: bool, quoting: bool) -> _Reading:
    """Read the records of some lines, without blank lines."""
    widths: list[int] = []
    swallows = False
    reader = csv.reader(iter(lines), **CsvDialect(delimiter, quoting, 0).csv_options())
    while True:
        before = reader.line_num
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            widths.append(0)
        else:
            widths += [len(row)] if row else []
            swallows = swallows or reader.line_num > before + 1
    if not complete and reader.line_num == len(lines) and len(widths) > 1:
        widths.pop()  # the sample may end in the middle of this record
    return _Reading(quoting, widths, swallows)


def _has_enclosed_cell(lines: Sequence[str], delimiter: str) -> bool:
    """Whether some cell begins and ends with a quote on one line, as cells that need quotes do."""
    mark = re.escape(delimiter)
    enclosed = re.compile(f'(?:^|{mark})"(?:[^"]|"")*"(?={mark}|[\\r\\n]|$)')
    return any('"' in line and enclosed.search(line) for line in lines)

"""Detects the delimiter of a file, and whether its quotes are quotes, from its first rows."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from glossator.service.errors import ConfigError

DELIMITERS = ",\t;|"
"""Tried in this order; if several fit equally well, the first is used."""


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


def check_delimiter(delimiter: str | None) -> str | None:
    """Return the delimiter unchanged; raises ConfigError if it cannot be one."""
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ConfigError(
            "invalid delimiter",
            found=delimiter,
            expected="one character, neither a quote nor a line break, such as ',' or ';'",
        )
    return delimiter


def detect_dialect(lines: Sequence[str], *, complete: bool, header: bool, delimiter: str | None = None) -> CsvDialect:
    """Return the dialect of a file from its first lines; `complete` says that they are all lines.

    The expected number of fields is that of the header, or of most rows if there is no header. The delimiter with the
    most rows of this number wins; of equal ones, the one with more fields. Even a delimiter that fits few rows is
    preferred to none: the other rows become errors, whereas reading each line as a single text would hide the fault.

    Quotes are ordinary characters only if tabs separate the cells, parsing them as quotes fails, and reading them as
    ordinary characters gives every row the same number of fields: many tab-separated files have no quoting.
    """
    best, best_score = CsvDialect(DELIMITERS[0], True, 1), (-1.0, 0)
    for candidate in delimiter or DELIMITERS:
        widths = _widths(lines, CsvDialect(candidate, True, 0), complete=complete)
        quoting = True
        if candidate == "\t" and (0 in widths or len(set(widths)) > 1):
            literal = _widths(lines, CsvDialect(candidate, False, 0), complete=complete)
            if len(set(literal)) == 1:
                widths, quoting = literal, False
        width = _expected_width(widths, header=header)
        dialect = CsvDialect(candidate, quoting, max(width, 1))
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


def _widths(lines: Sequence[str], dialect: CsvDialect, *, complete: bool) -> list[int]:
    """Return the number of fields of each record, without blank lines; 0 for a record that cannot be parsed."""
    widths: list[int] = []
    reader = csv.reader(iter(lines), **dialect.csv_options())
    while True:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            widths.append(0)
        else:
            widths += [len(row)] if row else []
    if not complete and reader.line_num == len(lines) and len(widths) > 1:
        widths.pop()  # the sample may end in the middle of this record
    return widths

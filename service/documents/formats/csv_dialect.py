"""Which delimiter parts the cells of a file, and whether its quotes are quotes, from its first rows."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from glossator.service.errors import ConfigError

DELIMITERS = ",\t;|"
"""Tried in this order; the first wins where several fit equally."""


class _CsvOptions(TypedDict):
    delimiter: str
    quoting: Literal[0, 3]
    strict: bool


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file's cells are parted. `width` is the number of fields that its rows have."""

    delimiter: str
    quoting: bool
    width: int

    def csv_options(self) -> _CsvOptions:
        """Options of csv.reader. Strict: text after a closing quote is the one sign of a quote that ran away."""
        return {
            "delimiter": self.delimiter,
            "quoting": csv.QUOTE_MINIMAL if self.quoting else csv.QUOTE_NONE,
            "strict": True,
        }

    def open_quote(self, record: str) -> int | None:
        """Where the quote stands that is not closed before a delimiter or the end of the record; None if all are.

        >>> Dialect(",", True, 2).open_quote('1,"a ""b"" c","d')
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
    """Position of the quote that closes the cell, doubled ones stepped over; -1 if there is none."""
    end = record.find('"', opening + 1)
    while end >= 0 and record[end + 1 : end + 2] == '"':
        end = record.find('"', end + 2)
    return end


def check_delimiter(delimiter: str | None) -> str | None:
    """The delimiter itself; raises ConfigError where it cannot be one."""
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ConfigError(
            "this cannot part the cells of a row",
            found=delimiter,
            expected="one character that is no quote and no line break, such as ',' or ';'",
        )
    return delimiter


def find_dialect(lines: Sequence[str], *, whole: bool, header: bool, delimiter: str | None = None) -> Dialect:
    """The dialect of a file from its first lines; `whole` says that they are all.

    A delimiter that parts the header (most rows, where there is none) is judged by how many rows have as many fields as
    it, then by their number. One that fits badly is still taken where no other does: bad rows then show as errors,
    whereas one column too few would pass whole lines for one text. Quotes are taken literally only where tabs part the
    cells, reading them as quotes fails, and reading them literally gives every row the same number of fields: many
    tab-separated files know no quoting.
    """
    best, best_score = Dialect(DELIMITERS[0], True, 1), (-1.0, 0)
    for candidate in delimiter or DELIMITERS:
        widths = _widths(lines, Dialect(candidate, True, 0), whole=whole)
        quoting = True
        if candidate == "\t" and (0 in widths or len(set(widths)) > 1):
            literal = _widths(lines, Dialect(candidate, False, 0), whole=whole)
            if len(set(literal)) == 1:
                widths, quoting = literal, False
        width = _width(widths, header=header)
        dialect = Dialect(candidate, quoting, max(width, 1))
        if delimiter is not None:
            return dialect
        score = (_agreement(widths[header:], width), width)
        if width > 1 and score > best_score:
            best, best_score = dialect, score
    return best


def _width(widths: Sequence[int], *, header: bool) -> int:
    if header and widths:
        return widths[0]
    return max(Counter(width for width in widths if width).most_common(1), default=(1, 0))[0]


def _agreement(widths: Sequence[int], width: int) -> float:
    return sum(found == width for found in widths) / len(widths) if widths else 1.0


def _widths(lines: Sequence[str], dialect: Dialect, *, whole: bool) -> list[int]:
    """Fields of each record of the sample, blank lines left out; 0 for a record that cannot be parsed."""
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
    if not whole and reader.line_num == len(lines) and len(widths) > 1:
        widths.pop()  # the sample may end in the middle of it
    return widths

"""CSV and TSV: RFC 4180, read strictly; a fault affects one row.

Python's csv module parses the cells. This module adds line numbers of rows that span several lines, a memory limit, and
recovery from an unclosed quote. Such a quote would include every row up to the next quote or the end of the file; here
only its own row becomes an error, and reading continues at the next line.
"""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from glossator.service.documents.decoding.encodings import undecodable_error
from glossator.service.documents.decoding.lines import Line, empty_file_error, excerpt
from glossator.service.documents.formats.csv_dialect import CsvDialect, check_delimiter, detect_dialect
from glossator.service.documents.record import Record
from glossator.service.documents.source import Source, SourceOptions, open_lines, refuse_options
from glossator.service.errors import InputError, UnreadableRow, shorten

MAX_ROW_LINES = 500_000
"""A row that spans more lines is treated as an unclosed quote."""


class CsvSource(Source):
    """Rows of a CSV file. The delimiter is one of `,` `;` TAB `|`, detected from the first rows unless given.

    Every value is a string, unchanged. Blank lines are skipped but counted in line numbers; in a file with one column a
    blank line is a row with an empty cell.
    """

    format = "csv"
    _fixed_delimiter: ClassVar[str | None] = None

    def __init__(self, path: str, options: SourceOptions) -> None:
        # The csv module has one limit per process. It is only raised: _LineFeed enforces the limit of this file.
        csv.field_size_limit(max(csv.field_size_limit(), options.max_row))
        self._header = options.header is not False
        given = check_delimiter(options.delimiter) or self._fixed_delimiter
        self._lines = open_lines(path, options)
        self.name = self._lines.name
        self.encoding = self._lines.encoding
        try:
            self._dialect = detect_dialect(
                [line.text for line in self._lines.sample() if line.error is None],
                complete=self._lines.sample_is_complete,
                header=self._header,
                delimiter=given,
            )
            self.delimiter = self._dialect.delimiter
            self._rows = _rows(iter(self._lines), self._dialect, self._lines.limit)
            self.columns = self._read_header() if self._header else _default_names(self._dialect.width)
        except BaseException:
            self.close()
            raise

    def _records(self) -> Iterator[Record]:
        for row in self._rows:
            if row.error is not None:
                yield Record(row.line, {}, row.error, excerpt(row.text))
            elif row.cells or len(self.columns) == 1:
                yield self._record(row)

    def close(self) -> None:
        self._lines.close()

    def details(self) -> list[str]:
        delimiter = "TAB" if self.delimiter == "\t" else repr(self.delimiter)
        found = [self._lines.describe_encoding(), f"delimiter {delimiter}"]
        found += [] if self._dialect.quoting else ["quotes taken literally"]
        return found + ([] if self._header else ["no header"])

    def _record(self, row: _Row) -> Record:
        cells = row.cells or [""]
        error: InputError | None = undecodable_error(row.text, row.line, self._lines.encoding)
        if error is None and len(cells) != len(self.columns):
            error = UnreadableRow(
                f"line {row.line}: the row has {_count(len(cells), 'field')}"
                + (f" and ends on line {row.last_line}" if row.last_line > row.line else ""),
                found=row.text.rstrip("\r\n"),
                expected=f"{_count(len(self.columns), 'field')}: {shorten(', '.join(self.columns))}",
                hint="Quote cells that contain the delimiter or a line break.",
            )
        if error is not None:
            return Record(row.line, {}, error, excerpt(row.text))
        return Record(row.line, dict(zip(self.columns, cells, strict=True)))

    def _read_header(self) -> tuple[str, ...]:
        for row in self._rows:
            error = row.error or undecodable_error(row.text, row.line, self._lines.encoding)
            if error is not None:
                raise error
            if row.cells:
                return _check_header(row.cells, self.name)
        raise empty_file_error(self.name)


class TsvSource(CsvSource):
    """Rows of a file whose cells are separated by tabs."""

    format = "tsv"
    _fixed_delimiter = "\t"

    def __init__(self, path: str, options: SourceOptions) -> None:
        refuse_options("TSV", delimiter=None if options.delimiter == "\t" else options.delimiter)
        super().__init__(path, options)


def _check_header(cells: list[str], name: str) -> tuple[str, ...]:
    repeated = [column for column, times in Counter(cells).items() if times > 1]
    if repeated:
        raise InputError(
            f"{name} has several columns with the same name",
            found=", ".join(repeated),
            expected="a different name for each column",
            hint="Rename them, or pass --no-header (header=False in Python) if the file has no header line.",
        )
    return tuple(cells)


def _default_names(width: int) -> tuple[str, ...]:
    return tuple(f"column_{number}" for number in range(1, width + 1))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@dataclass(frozen=True, slots=True)
class _Row:
    """The cells and the text of one record; a blank line has no cells."""

    line: int
    last_line: int
    text: str
    cells: list[str]
    error: InputError | None = None


class _Interrupted(Exception):
    """A row that spans several lines reached a limit, or a line that could not be read."""


class _LineFeed:
    """Lines for csv.reader, which takes another line while a quote is open. Lines can be returned to the feed."""

    def __init__(self, lines: Iterator[Line], limit: int) -> None:
        self._lines = lines
        self._next_lines: deque[Line] = deque()
        self._limit = limit
        self.taken: list[Line] = []
        self._length = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.peek()
        if line is None:
            raise StopIteration
        if self.taken:
            if line.error is not None:
                raise _Interrupted(f"is not closed before line {line.number}, which could not be read")
            if self._length + len(line.text) > self._limit or len(self.taken) == MAX_ROW_LINES:
                raise _Interrupted(f"is not closed within {self._limit:,} characters or {MAX_ROW_LINES:,} lines")
        self.taken.append(self._next_lines.popleft())
        self._length += len(line.text)
        return line.text

    def start_row(self) -> None:
        """Start a new row: forget the lines of the previous row."""
        self.taken = []
        self._length = 0

    def peek(self) -> Line | None:
        """Return the next line without taking it; None at the end."""
        if not self._next_lines and (line := next(self._lines, None)) is not None:
            self._next_lines.append(line)
        return self._next_lines[0] if self._next_lines else None

    def give_back(self, kept: int) -> None:
        """Return the lines taken after the first `kept` ones to the feed.

        Reading remains linear: the lines after an unclosed quote contain only doubled quotes, so that none of them can
        open another quote that is not closed.
        """
        self._next_lines.extendleft(reversed(self.taken[kept:]))
        del self.taken[kept:]


def _rows(lines: Iterator[Line], dialect: CsvDialect, limit: int) -> Iterator[_Row]:
    feed = _LineFeed(lines, limit)
    reader = csv.reader(feed, **dialect.csv_options())
    while (first := feed.peek()) is not None:
        feed.start_row()
        if first.error is not None:
            yield _Row(first.number, first.number, next(feed), [], first.error)
            continue
        try:
            cells = next(reader)
        except (csv.Error, _Interrupted) as fault:
            yield _faulty_row(feed, fault, dialect)
        else:
            yield _Row(first.number, feed.taken[-1].number, "".join(line.text for line in feed.taken), cells)


def _faulty_row(feed: _LineFeed, fault: Exception, dialect: CsvDialect) -> _Row:
    """Return the row with the fault. It ends with the line of the open quote; later lines return to the feed."""
    first, last = feed.taken[0].number, feed.taken[-1].number
    text = "".join(line.text for line in feed.taken)
    quote = dialect.find_open_quote(text)
    if quote is None:  # a lone CR outside quotes: the row ends at its line end
        error = UnreadableRow(
            f"line {first}: the row cannot be parsed",
            found=text,
            expected="LF or CRLF at the end of the line; carriage returns only in quotes",
            hint="Convert the line ends of the file to LF.",
        )
        return _Row(first, last, text, [], error)
    lines_before = text.count("\n", 0, quote)
    if isinstance(fault, _Interrupted):
        what = str(fault)
    elif str(fault).startswith("unexpected end"):
        what = "is never closed"
    else:
        what = f"closes in the middle of a cell on line {last}"
    feed.give_back(lines_before + 1)
    error = UnreadableRow(
        f"line {first}: the quote that opens on line {first + lines_before} {what}",
        found=text[quote : quote + 60],
        expected="a closing quote before the delimiter or the line end; quotes inside a cell doubled",
        hint="Close it, or double it if it is part of the text.",
    )
    return _Row(first, first + lines_before, "".join(line.text for line in feed.taken), [], error)

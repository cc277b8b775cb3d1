"""CSV and TSV: RFC 4180, read strictly, one fault a row.

Python's csv module parses the cells. What it lacks stands here: line numbers of rows that span lines, a bound on
memory, and recovery from a quote that is never closed. Such a quote would swallow every row up to the next quote or the
end of the file; here it costs the row that it stands in, and reading goes on at the line after it.
"""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from glossator.service.documents.decoding.encodings import undecodable
from glossator.service.documents.decoding.lines import Line, empty_file, raw_text
from glossator.service.documents.formats.csv_dialect import Dialect, check_delimiter, find_dialect
from glossator.service.documents.record import Record
from glossator.service.documents.source import Options, Source, open_lines, refuse_options
from glossator.service.errors import InputError, UnreadableRow, shorten

MAX_ROW_LINES = 500_000
"""A row that spans more lines than this is taken for a quote that was never closed."""


class CsvSource(Source):
    """Rows of a CSV file. The delimiter is one of `,` `;` TAB `|`, found from the first rows unless given.

    Every value is a string, as it stands in its cell. Blank lines are skipped, and counted in line numbers; in a file
    of one column a blank line is a row with an empty cell.
    """

    format = "csv"
    _fixed_delimiter: ClassVar[str | None] = None

    def __init__(self, path: str, options: Options) -> None:
        # One limit for the process, in the csv module. Only ever raised: the true limit is kept by _Feed.
        csv.field_size_limit(max(csv.field_size_limit(), options.max_row))
        self._header = options.header is not False
        given = check_delimiter(options.delimiter) or self._fixed_delimiter
        self._lines = open_lines(path, options)
        self.name = self._lines.name
        self.encoding = self._lines.encoding
        try:
            self._dialect = find_dialect(
                [line.text for line in self._lines.sample() if line.error is None],
                whole=self._lines.sample_is_whole,
                header=self._header,
                delimiter=given,
            )
            self.delimiter = self._dialect.delimiter
            self._rows = _rows(iter(self._lines), self._dialect, self._lines.limit)
            self.columns = self._read_header() if self._header else _numbered(self._dialect.width)
        except BaseException:
            self.close()
            raise

    def _records(self) -> Iterator[Record]:
        for row in self._rows:
            if row.error is not None:
                yield Record(row.line, {}, row.error, raw_text(row.text))
            elif row.cells or len(self.columns) == 1:
                yield self._record(row)

    def close(self) -> None:
        self._lines.close()

    def details(self) -> list[str]:
        delimiter = "TAB" if self.delimiter == "\t" else repr(self.delimiter)
        found = [self._lines.encoding_described(), f"delimiter {delimiter}"]
        found += [] if self._dialect.quoting else ["quotes taken literally"]
        return found + ([] if self._header else ["no header"])

    def _record(self, row: _Row) -> Record:
        cells = row.cells or [""]
        error: InputError | None = undecodable(row.text, row.line, self._lines.encoding)
        if error is None and len(cells) != len(self.columns):
            error = UnreadableRow(
                f"line {row.line}: the row has {_count(len(cells), 'field')}"
                + (f" and ends on line {row.last_line}" if row.last_line > row.line else ""),
                found=row.text.rstrip("\r\n"),
                expected=f"{_count(len(self.columns), 'field')}: {shorten(', '.join(self.columns))}",
                hint="Quote cells that hold the delimiter or a line break.",
            )
        if error is not None:
            return Record(row.line, {}, error, raw_text(row.text))
        return Record(row.line, dict(zip(self.columns, cells, strict=True)))

    def _read_header(self) -> tuple[str, ...]:
        for row in self._rows:
            error = row.error or undecodable(row.text, row.line, self._lines.encoding)
            if error is not None:
                raise error
            if row.cells:
                return _checked_header(row.cells, self.name)
        raise empty_file(self.name)


class TsvSource(CsvSource):
    """Rows of a file whose cells are parted by tabs."""

    format = "tsv"
    _fixed_delimiter = "\t"

    def __init__(self, path: str, options: Options) -> None:
        refuse_options("TSV", delimiter=None if options.delimiter == "\t" else options.delimiter)
        super().__init__(path, options)


def _checked_header(cells: list[str], name: str) -> tuple[str, ...]:
    repeated = [column for column, times in Counter(cells).items() if times > 1]
    if repeated:
        raise InputError(
            f"{name} has columns of the same name",
            found=", ".join(repeated),
            expected="a name of its own for each column",
            hint="Rename them, or say --no-header (header=False in Python) if the file has no header line.",
        )
    return tuple(cells)


def _numbered(width: int) -> tuple[str, ...]:
    return tuple(f"column_{number}" for number in range(1, width + 1))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@dataclass(frozen=True, slots=True)
class _Row:
    """Cells of one record of the file, and its text; an empty line has none."""

    line: int
    last_line: int
    text: str
    cells: list[str]
    error: InputError | None = None


class _Interrupted(Exception):
    """A row that spans lines reached a limit, or a line that is lost."""


class _Feed:
    """Lines for csv.reader, which pulls one more while a quote is open. Lines can be handed back."""

    def __init__(self, lines: Iterator[Line], limit: int) -> None:
        self._lines = lines
        self._waiting: deque[Line] = deque()
        self._limit = limit
        self.pulled: list[Line] = []
        self._length = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.peek()
        if line is None:
            raise StopIteration
        if self.pulled:
            if line.error is not None:
                raise _Interrupted(f"is not closed before line {line.number}, which is lost")
            if self._length + len(line.text) > self._limit or len(self.pulled) == MAX_ROW_LINES:
                raise _Interrupted(f"is not closed within {self._limit:,} characters or {MAX_ROW_LINES:,} lines")
        self.pulled.append(self._waiting.popleft())
        self._length += len(line.text)
        return line.text

    def begin(self) -> None:
        """A new row begins: the lines of the last one are forgotten."""
        self.pulled = []
        self._length = 0

    def peek(self) -> Line | None:
        """The line that comes next, left in its place."""
        if not self._waiting and (line := next(self._lines, None)) is not None:
            self._waiting.append(line)
        return self._waiting[0] if self._waiting else None

    def hand_back(self, kept: int) -> None:
        """Gives back the lines pulled after the first `kept`. Reading stays linear: what an open quote swallowed holds
        doubled quotes alone, and no line of it can open a quote again that stays open."""
        self._waiting.extendleft(reversed(self.pulled[kept:]))
        del self.pulled[kept:]


def _rows(lines: Iterator[Line], dialect: Dialect, limit: int) -> Iterator[_Row]:
    feed = _Feed(lines, limit)
    reader = csv.reader(feed, **dialect.csv_options())
    while (first := feed.peek()) is not None:
        feed.begin()
        if first.error is not None:
            yield _Row(first.number, first.number, next(feed), [], first.error)
            continue
        try:
            cells = next(reader)
        except (csv.Error, _Interrupted) as fault:
            yield _mended(feed, fault, dialect)
        else:
            yield _Row(first.number, feed.pulled[-1].number, "".join(line.text for line in feed.pulled), cells)


def _mended(feed: _Feed, fault: Exception, dialect: Dialect) -> _Row:
    """The row at fault, which ends with the line on which the open quote stands; the lines after it are handed back."""
    first, last = feed.pulled[0].number, feed.pulled[-1].number
    text = "".join(line.text for line in feed.pulled)
    quote = dialect.open_quote(text)
    if quote is None:  # a lone CR outside quotes: the row ends where it should
        error = UnreadableRow(
            f"line {first}: the row cannot be parsed",
            found=text,
            expected="LF or CRLF at the end of the line, and carriage returns in quotes",
            hint="Convert the file's line ends to LF.",
        )
        return _Row(first, last, text, [], error)
    opened = text.count("\n", 0, quote)
    if isinstance(fault, _Interrupted):
        what = str(fault)
    elif str(fault).startswith("unexpected end"):
        what = "is never closed"
    else:
        what = f"closes in the middle of a cell on line {last}"
    feed.hand_back(opened + 1)
    error = UnreadableRow(
        f"line {first}: the quote that opens on line {first + opened} {what}",
        found=text[quote : quote + 60],
        expected="a quote before the delimiter or the line end, and quotes inside a cell doubled",
        hint="Close it, or double it if it is part of the text.",
    )
    return _Row(first, first + opened, "".join(line.text for line in feed.pulled), [], error)

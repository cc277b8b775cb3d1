"""CSV and TSV: RFC 4180, read strictly; a fault affects one row.

Python's csv module parses the cells. This module adds line numbers of rows that span several lines, a memory limit, and
recovery from an unclosed quote. Such a quote would include every row up to the next quote or the end of the file; here
only its own row becomes an error, and reading continues at the next line.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import ClassVar

from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.encodings import undecodable_error
from glossator.service.documents.decoding.lines import Line, empty_file_error, excerpt
from glossator.service.documents.formats.tables.csv_dialect import (
    CsvDialect,
    Quotes,
    TableDialect,
    check_delimiter,
    detect_dialect,
)
from glossator.service.documents.formats.tables.table_comments import comment_decisions, count_comments
from glossator.service.documents.formats.tables.table_header import (
    SAMPLE_ROWS,
    default_names,
    has_usual_names,
    is_usual_name,
    name_columns,
    unnamed_decisions,
    weigh_header,
)
from glossator.service.documents.record import Record
from glossator.service.documents.sources.source import Source, SourceOptions, open_lines, refuse_options
from glossator.service.errors import InputError, UnreadableRow, shorten

MAX_ROW_LINES = 500_000
"""A row that spans more lines is treated as an unclosed quote."""


class CsvSource(Source):
    """Rows of a CSV file. The delimiter is one of `,` `;` TAB `|`, detected from the first rows unless given.

    Every value is a string, unchanged. Blank lines are skipped but counted in line numbers; in a file with one column a
    blank line is a row with an empty cell. A line `sep=;` before the header, as Excel writes it, names the delimiter.
    """

    format = "csv"
    _fixed_delimiter: ClassVar[str | None] = None
    _header_cells: tuple[str, ...] | None = None
    _header_names: list[str] | None = None

    def __init__(self, path: str, options: SourceOptions) -> None:
        # The csv module has one limit per process. It is only raised: _LineFeed enforces the limit of this file.
        csv.field_size_limit(max(csv.field_size_limit(), options.max_row))
        options.refuse_unused(self.format.upper(), "delimiter", "header", "quotes")
        self._header = options.header
        given = check_delimiter(options.delimiter)
        self._lines = open_lines(path, options)
        self.name = self._lines.name
        self.encoding = self._lines.encoding
        self._decisions: list[Decision] = []
        try:
            sample = [line.text for line in self._lines.sample() if line.error is None]
            skipped = 0
            separator = _named_separator(sample)
            if separator is not None:
                skipped = 1
                given = given or separator
                self._decisions.append(
                    Decision("delimiter", _shown(given), "line 1 names it (sep=)", "", "--delimiter")
                )
            complete = self._lines.sample_is_complete
            comments = count_comments(sample[skipped:], complete=complete, delimiter=given, quotes=options.quotes)
            self._decisions += comment_decisions(sample[skipped : skipped + comments])
            skipped += comments
            sample = sample[skipped:]
            given = given or self._usual_delimiter(sample)
            self._dialect, self.has_header = self._detect(sample, given, options.quotes)
            self.delimiter = self._dialect.delimiter
            self._sample_rows = _sample_rows(sample, self._dialect)[self.has_header :]
            widths = Counter(map(len, self._sample_rows)).most_common(1)
            self._row_width = widths[0][0] if widths else self._dialect.width
            self._rows = _rows(islice(self._lines, skipped, None), self._dialect, self._lines.limit)
            self.columns = self._read_header() if self.has_header else default_names(self._dialect.width)
            self.table_dialect = TableDialect(self.format, self._dialect.delimiter, self.quotes, self._header_cells)
        except BaseException:
            self.close()
            raise

    def _usual_delimiter(self, sample: list[str]) -> str | None:
        """Return the delimiter that the format's name promises, if the file has it."""
        usual = self._fixed_delimiter
        if usual is None or not sample or any(usual in line for line in sample):
            return usual
        found = detect_dialect(sample, complete=self._lines.sample_is_complete, header=True).delimiter
        why = f"no line has {_shown(usual)}, as the name promises"
        self._decisions.append(Decision("delimiter", _shown(found), why, option="--delimiter", guessed=True))
        return found

    def _detect(self, sample: list[str], delimiter: str | None, quotes: Quotes | None) -> tuple[CsvDialect, bool]:
        """Return the dialect, and whether the first row is the header."""
        is_complete = self._lines.sample_is_complete
        detect = partial(detect_dialect, sample, complete=is_complete, delimiter=delimiter, quotes=quotes)
        dialect = detect(header=self._header is not False)
        if not dialect.quoting and quotes is None:
            why = "every row then has the same number of cells"
            self._decisions.append(Decision("quotes", "text", why, "quotes around cells", "--quotes csv"))
        self.quotes: Quotes = "csv" if dialect.quoting else "literal"
        if self._header is not None:
            return dialect, self._header
        self._refuse_title(_sample_rows(sample, dialect))
        evidence = weigh_header([row for row in _sample_rows(sample, dialect) if len(row) == dialect.width])
        self._decisions += evidence.decisions()
        return (dialect, True) if evidence.is_header else (detect(header=False), False)

    def _refuse_title(self, rows: list[list[str]]) -> None:
        """Raise InputError if one of the first rows has usual names of columns, and the rows above it have none."""
        for place, row in enumerate(rows[1:_TITLE_ROWS], start=1):
            if any(map(is_usual_name, rows[place - 1])):
                return
            if len(row) > 1 and has_usual_names(rows[place:]):
                raise InputError(
                    f"the first line of {self.name} looks like a title, not like column names",
                    found=shorten(", ".join(rows[0]), 60),
                    expected=f"the line with {', '.join(row)} first",
                    hint="Delete the lines above it, or pass --header if the first line has the names.",
                )

    def _records(self) -> Iterator[Record]:
        for row in self._rows:
            if row.error is not None:
                yield Record(row.line, {}, row.error, excerpt(row.text))
            elif row.cells or len(self.columns) == 1:
                yield self._record(row)

    def close(self) -> None:
        self._lines.close()

    def decisions(self) -> list[Decision]:
        return [*self._lines.decisions(), *self._decisions]

    def details(self) -> list[str]:
        found = [self._lines.describe_encoding(), f"delimiter {_shown(self._dialect.delimiter)}"]
        found += [] if self._dialect.quoting else ["quotes taken literally"]
        return found + ([] if self.has_header else ["no header"])

    def _record(self, row: _Row) -> Record:
        cells = row.cells or [""]
        error: InputError | None = undecodable_error(row.text, row.line, self._lines.encoding)
        if error is None and len(cells) > 1 and self._header_names == _names(cells):
            error = UnreadableRow(
                f"line {row.line}: the row repeats the names of the columns",
                found=row.text.rstrip("\r\n"),
                expected="a row of data",
                hint="Remove the line: files that were joined have a header each.",
            )
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
                cells = self._fit_header(row.cells)
                self._header_cells = tuple(cells)
                self._header_names = _names(cells)
                self._decisions += unnamed_decisions(cells)
                return name_columns(cells, self.name, hint=_REPEATED_HINT)
        raise empty_file_error(self.name)

    def _fit_header(self, cells: list[str]) -> list[str]:
        """Return the header with as many cells as the rows have, if the difference is clear: empty cells at the end,
        or row numbers that have no name, as R writes them."""
        width = self._row_width
        if width < len(cells) and not any(cell.strip() for cell in cells[width:]):
            return cells[:width]
        extra = [row[len(cells) :] for row in self._sample_rows if len(row) == width]
        if width > len(cells) and not any(cell.strip() for row in extra for cell in row):
            return cells + [""] * (width - len(cells))
        numbers = [row[0] for row in self._sample_rows if len(row) == width]
        if width == len(cells) + 1 and numbers == [str(number) for number in range(1, len(numbers) + 1)]:
            return ["", *cells]
        return cells


class PsvSource(CsvSource):
    """Rows of a file whose cells are separated by `|`."""

    format = "psv"
    _fixed_delimiter = "|"


class TsvSource(CsvSource):
    """Rows of a file whose cells are separated by tabs."""

    format = "tsv"
    _fixed_delimiter = "\t"

    def __init__(self, path: str, options: SourceOptions) -> None:
        refuse_options("TSV", delimiter=None if options.delimiter == "\t" else options.delimiter)
        super().__init__(path, options)


_TITLE_ROWS = 6
"""Rows among which usual names of columns show that the first line is a title."""
_REPEATED_HINT = "Rename them, or pass --no-header (header=False in Python) if the file has no header line."
_SEPARATOR = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)


def _named_separator(sample: Sequence[str]) -> str | None:
    """Return the delimiter that Excel's first line `sep=;` names, or None if there is no such line."""
    found = _SEPARATOR.fullmatch(sample[0]) if sample else None
    return None if found is None else found[1]


def _sample_rows(sample: Sequence[str], dialect: CsvDialect) -> list[list[str]]:
    """Return the first rows that can be parsed, with the header."""
    rows: list[list[str]] = []
    reader = csv.reader(iter(sample), **dialect.csv_options())
    while len(rows) <= SAMPLE_ROWS:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            continue
        rows += [row] if row else []
    return rows


def _names(cells: Sequence[str]) -> list[str]:
    return [cell.strip().casefold() for cell in cells]


def _shown(delimiter: str) -> str:
    return "TAB" if delimiter == "\t" else f"'{delimiter}'"


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
            if len(feed.taken) > 1 and _swallows_rows(feed.taken, dialect):
                yield _swallowing_row(feed)
                continue
            yield _Row(first.number, feed.taken[-1].number, "".join(line.text for line in feed.taken), cells)


def _swallows_rows(lines: Sequence[Line], dialect: CsvDialect) -> bool:
    """Whether a quote of a tab-separated file encloses lines that each have the cells of a row."""
    return dialect.delimiter == "\t" and all(line.text.count("\t") + 1 == dialect.width > 1 for line in lines)


def _swallowing_row(feed: _LineFeed) -> _Row:
    """Return the row whose quote encloses other rows, as an error; these rows return to the feed."""
    first, last = feed.taken[0], feed.taken[-1]
    feed.give_back(1)
    error = UnreadableRow(
        f"line {first.number}: a quote opens here and closes on line {last.number}, but each of these lines is a row",
        found=first.text.rstrip("\r\n"),
        expected="quotes around cells with line breaks only",
        hint="If quotes are part of the texts, pass --quotes literal (quotes='literal' in Python).",
    )
    return _Row(first.number, first.number, first.text, [], error)


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

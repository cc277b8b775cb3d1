"""Where a file may be cut: after a line feed, so that the pieces hold every line exactly once."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import BinaryIO

from glossator.service.documents.formats.tables.csv_dialect import CsvDialect
from glossator.service.errors import ConfigError

_WINDOW = 64 << 10

ReadRange = Callable[[int, int], bytes]
"""Returns the bytes of a file from a place to another."""


def cut_lines(read: ReadRange, size: int, part_bytes: int, *, first: int = 0) -> list[tuple[int, int]]:
    """Return ranges of bytes that each begin at the begin of a line, and together are the file.

    A line ends with LF, so this holds for CRLF too; the byte of LF is part of no other character in UTF-8 and in the
    encodings that extend ASCII. Only a window at each cut is read.

    Args:
        read: Reads the file.
        size: Bytes of the file.
        part_bytes: A range ends with the line that reaches this number of bytes.
        first: Where the lines begin, after a header.
    """
    cuts = [first]
    while size - cuts[-1] > part_bytes:
        place = _next_line(read, size, cuts[-1] + max(part_bytes, 1) - 1)
        if place >= size:
            break
        cuts.append(place)
    cuts.append(size)
    return [(start, stop) for start, stop in pairwise(cuts) if start < stop]


def _next_line(read: ReadRange, size: int, place: int) -> int:
    """Return the place after the first LF at or after `place`; the size of the file if there is none."""
    while place < size:
        data = read(place, min(place + _WINDOW, size))
        found = data.find(b"\n")
        if found >= 0:
            return place + found + 1
        place += len(data)
    return size


def check_one_line_rows(file: BinaryIO, name: str, dialect: CsvDialect) -> None:
    """Raise ConfigError unless every line of a CSV file is a row of its own.

    The proof: a parser that is at the start of a row at the start of a line ends each line at the end of a row. Only
    lines with a quote have to be parsed.

    Args:
        file: The bytes of the file, in UTF-8.
        name: Its name, for the message.
        dialect: Delimiter and quotes.
    """
    if not dialect.quoting:
        return
    for number, line in enumerate(_lines(file), 1):
        if b'"' not in line:
            continue
        text = line.decode("utf-8", "replace")
        try:
            rows = list(csv.reader([text], **dialect.csv_options()))
        except csv.Error:
            rows = []
        if len(rows) != 1 or dialect.find_open_quote(text) is not None:
            raise ConfigError(
                f"{name} cannot be cut into parts",
                found=f"line {number} has a quote that does not end on this line",
                expected="rows of one line each",
                hint="Pass --part-mb 0 to make each file one part, or convert it to JSON Lines or Parquet.",
            )


def _lines(file: BinaryIO) -> Iterator[bytes]:
    return iter(file.readline, b"")

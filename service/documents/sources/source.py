"""The interface of every reader: each module of `formats` defines a subclass of `Source`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Self

from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.lines import MAX_ROW_CHARACTERS, LineStream
from glossator.service.documents.formats.tables.csv_dialect import Quotes, TableDialect
from glossator.service.documents.record import Record
from glossator.service.documents.replacement_characters import refuse_replacements
from glossator.service.errors import ConfigError, shorten

_SHOWN_COLUMNS = 12


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to read a source. None: detected from the file."""

    codec: str | None = None
    """The compression: one of `compression.SUFFIXES`, or None for no compression."""
    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    stdin: BinaryIO | None = None
    max_row: int = MAX_ROW_CHARACTERS
    """Longest line, CSV row or cell, in characters."""
    whole_file: bool = False
    """Read a text file or a PDF as one text, not as one text per line or page."""
    quotes: Quotes | None = None
    """What quotes in CSV and TSV mean."""
    sheet: str | None = None
    """The sheet of a workbook, by name or by its number from 1."""
    split: str | None = None
    """The split of a JSON file that has several, such as `train`."""
    preferred_split: str | None = None
    """The purpose of the rows, which chooses a split: `train`, `validation` or `test`. None: a split must be named."""

    def refuse_unused(self, format_name: str, *used: str) -> None:
        """Raise ConfigError for a table's option that was given and that the format does not use."""
        options = {"delimiter": self.delimiter, "header": self.header, "quotes": self.quotes, "sheet": self.sheet}
        refuse_options(format_name, **{name: value for name, value in options.items() if name not in used})


class Source(ABC):
    """The rows of a file, read when they are needed. A context manager; its records can be read once."""

    format: str
    takes_encoding: ClassVar[bool] = True
    """Whether the files of the format are text, in an encoding that the caller may name."""
    takes_split: bool = False
    """Whether a file may have several splits."""
    has_annotations: bool = False
    """Whether `annotated_records` gives more than `records`."""
    reads_label_column: bool = False
    """Whether the label column that is named for `annotated_records` chooses what they hold."""
    name: str
    encoding: str | None = None
    delimiter: str | None = None
    columns: tuple[str, ...]
    """As in the header or the schema of the file; for JSON Lines those of the first rows, in order of appearance."""

    table_dialect: TableDialect | None = None
    """How a delimited table is written; None for other formats."""
    format_decision: Decision | None = None
    """How the format was found, if the name of the file does not tell it."""

    row_count: int | None = None
    """The number of rows, in formats that state it."""

    request_options: Mapping[str, Any] = {}
    """Prediction options that the file sets for all of its rows; only files of requests do."""
    first_request: Mapping[str, Any] | None = None
    """The first valid request of a file of requests."""

    _records_taken = False
    _head: Sequence[Record] = ()
    _begun: Iterator[Record] | None = None
    """The records after `_head`, once one was read."""

    @abstractmethod
    def __init__(self, path: str, options: SourceOptions) -> None: ...

    @abstractmethod
    def _records(self) -> Iterator[Record]: ...

    def records(self) -> Iterator[Record]:
        """Return one Record per row, in order; an unreadable row carries its error, and so does one with U+FFFD.

        Raises:
            RuntimeError: The records were read before.
        """
        if self._records_taken:
            raise RuntimeError(f"the records of {self.name} have been read: open it again")
        self._records_taken = True
        return chain(self._head, self._begin())

    def head(self, count: int) -> list[Record]:
        """Return the first records; `records` returns them again."""
        rest = self._begin()
        self._head = [*self._head, *islice(rest, max(0, count - len(self._head)))]
        return list(self._head[:count])

    def _begin(self) -> Iterator[Record]:
        if self._begun is None:
            self._begun = self._checked_records()
        return self._begun

    def _checked_records(self) -> Iterator[Record]:
        return map(refuse_replacements, self._records())

    def annotated_records(self, label_column: str | None = None) -> Iterator[Record]:
        """Return the records with their annotations as columns; `records` for formats without annotations.

        `columns`, `decisions` and `details` describe the annotations from then on.

        Args:
            label_column: The column of the annotations, for a format that reads one (`reads_label_column`).
        """
        return self.records()

    @abstractmethod
    def close(self) -> None:
        """Close the file. Standard input is left open."""

    def details(self) -> list[str]:
        """Return what was detected, in the words of `describe`."""
        return []

    def all_decisions(self) -> list[Decision]:
        """Return every decision about the file: its format, then those of the format's reader."""
        return [*([] if self.format_decision is None else [self.format_decision]), *self.decisions()]

    def decisions(self) -> list[Decision]:
        """Return how the file is read where its content allows more than one way."""
        return []

    def describe(self) -> str:
        """Return the source in one line for its user.

        For example `train.csv: csv, utf-8, delimiter ',', columns text, category`.
        """
        shown = ", ".join(shorten(name, 60) for name in self.columns[:_SHOWN_COLUMNS]) or "none found yet"
        more = len(self.columns) - _SHOWN_COLUMNS
        columns = f"columns {shown}" + (f" and {more} more" if more > 0 else "")
        return f"{self.name}: " + ", ".join([self.format, *self.details(), columns])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_lines(path: str, options: SourceOptions) -> LineStream:
    """Return the lines of a source whose format is text."""
    return LineStream(
        path,
        codec=options.codec,
        encoding=options.encoding,
        stdin=options.stdin,
        limit=options.max_row,
    )


def refuse_options(format_name: str, **options: object) -> None:
    """Raise ConfigError for options that were given and that the format does not use."""
    given = {name: value for name, value in options.items() if value is not None}
    if given:
        raise ConfigError(
            f"{format_name} takes no {' and no '.join(given)}",
            found=", ".join(_as_option(name, value) for name, value in given.items()),
            hint="Leave it out.",
        )


def _as_option(name: str, value: object) -> str:
    """Return an option as on the command line: `--no-header`, `--delimiter ;`."""
    name = name if name.startswith("-") else f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return name if value else name.replace("--", "--no-", 1)
    return f"{name} TAB" if value == "\t" else f"{name} {shorten(value, 60)}"

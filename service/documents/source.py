"""The interface of every reader: each module of `formats` defines a subclass of `Source`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Self

from glossator.service.documents.decoding.lines import MAX_ROW_CHARACTERS, LineStream
from glossator.service.documents.record import Record
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


class Source(ABC):
    """The rows of a file, read when they are needed. A context manager; its records can be read once."""

    format: ClassVar[str]
    name: str
    encoding: str | None = None
    delimiter: str | None = None
    columns: tuple[str, ...]
    """As in the header or the schema of the file; for JSON Lines those of the first rows, in order of appearance."""

    request_options: Mapping[str, Any] = {}
    """Prediction options that the file sets for all of its rows; only files of requests do."""

    _records_taken = False

    @abstractmethod
    def __init__(self, path: str, options: SourceOptions) -> None: ...

    @abstractmethod
    def _records(self) -> Iterator[Record]: ...

    def records(self) -> Iterator[Record]:
        """Return one Record per row, in order; an unreadable row carries its error.

        Raises:
            RuntimeError: The records were read before.
        """
        if self._records_taken:
            raise RuntimeError(f"the records of {self.name} have been read: open it again")
        self._records_taken = True
        return self._records()

    @abstractmethod
    def close(self) -> None:
        """Close the file. Standard input is left open."""

    def details(self) -> list[str]:
        """Return what was detected, in the words of `describe`."""
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
            found=", ".join(f"{name}={value!r}" for name, value in given.items()),
            hint="Leave it out.",
        )

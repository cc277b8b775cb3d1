"""What every format's reader offers: one class, of which each format module defines a kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Self

from glossator.service.documents.decoding.lines import MAX_ROW_CHARACTERS, Lines
from glossator.service.documents.record import Record
from glossator.service.errors import ConfigError, shorten

_SHOWN_COLUMNS = 12


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller said of a source; None where it is to be found out."""

    codec: str | None = None
    """The ending that says how the file is compressed: one of `codecs.SUFFIXES`."""
    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    stdin: BinaryIO | None = None
    max_row: int = MAX_ROW_CHARACTERS
    whole: bool = False
    """Whether a text file or a PDF is one text, not one for each line or page."""


class Source(ABC):
    """Rows of one file, read as they are asked for. A context manager; its records can be read once."""

    format: ClassVar[str]
    name: str
    encoding: str | None = None
    delimiter: str | None = None
    columns: tuple[str, ...]
    """As the header or the file's schema says; for JSON lines those of the first rows, in order of appearance."""

    asked: Mapping[str, Any] = {}
    """Options that the file itself brings for all of its rows; formats of requests do."""

    _taken = False

    @abstractmethod
    def __init__(self, path: str, options: Options) -> None: ...

    @abstractmethod
    def _records(self) -> Iterator[Record]: ...

    def records(self) -> Iterator[Record]:
        """One Record a row, in order; one that cannot be read carries its error. Raises RuntimeError when asked twice:
        the rows have gone by."""
        if self._taken:
            raise RuntimeError(f"the records of {self.name} have been read: open it again")
        self._taken = True
        return self._records()

    @abstractmethod
    def close(self) -> None:
        """Closes the file. Standard input is left open."""

    def details(self) -> list[str]:
        """What was found out about the file, in the words of `described`."""
        return []

    def described(self) -> str:
        """The source in one line for its user.

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


def open_lines(path: str, options: Options) -> Lines:
    """The lines of a source whose format is text."""
    return Lines(
        path,
        codec=options.codec,
        encoding=options.encoding,
        stdin=options.stdin,
        limit=options.max_row,
    )


def refuse_options(format_name: str, **options: object) -> None:
    """Raises ConfigError for options that were given and that the format has no use for."""
    given = {name: value for name, value in options.items() if value is not None}
    if given:
        raise ConfigError(
            f"{format_name} takes no {' and no '.join(given)}",
            found=", ".join(f"{name}={value!r}" for name, value in given.items()),
            hint="Leave it out.",
        )

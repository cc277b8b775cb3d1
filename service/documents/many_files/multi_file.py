"""The base of sources with many documents. Each row names its document.

A document may end the process that reads it. `DocumentMarks` is how the next process goes on: it knows which documents
have been read, and which ones ended their reader.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from glossator.service.documents.decision import Decision
from glossator.service.documents.record import Record
from glossator.service.documents.sources.reader_errors import as_input_error
from glossator.service.documents.sources.source import Source
from glossator.service.errors import ConfigError, InputError

FILE_COLUMN = "_file"
"""The column with the name of a row's file."""
OpenFile = Callable[[Path], Source]


def _ignore(number: int, name: str) -> None:
    """Nobody listens to the beginning of documents."""


@dataclass(frozen=True, slots=True)
class DocumentMarks:
    """Where reading goes on, and who is informed about each document."""

    first: int = 0
    """Documents before this one have been read."""
    failed: Mapping[int, InputError] = field(default_factory=dict)
    """The errors of documents that ended their reader: they are not opened again."""
    columns: tuple[str, ...] | None = None
    """The columns that were found before; None: look for them."""
    begin: Callable[[int, str], None] = _ignore
    """Called with number and name before a document is opened."""


@dataclass(frozen=True, slots=True)
class Member:
    """One of many files. `open` returns its rows as a context manager; `error` says why it cannot be read."""

    name: str
    open: Callable[[], Any] | None = None
    error: InputError | None = None


class DecisionTally:
    """The decisions for many files: one for each choice, with the number of files and the first of them."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self._files: dict[tuple[str, str], tuple[int, int, str, str]] = {}
        """Subject and choice to the index in `decisions`, the number of files, the first file and its evidence."""

    def add(self, file: str, decisions: Iterable[Decision]) -> None:
        """Add the decisions for a file."""
        for decision in decisions:
            key = decision.subject, decision.chosen
            index, count, first, why = self._files.get(key, (len(self.decisions), 0, file, decision.why))
            self._files[key] = index, count + 1, first, why
            files = f"{first}: {why}" if count == 0 else f"{count + 1:,} files, the first is {first}: {why}"
            self.decisions[index : index + 1] = [replace(decision, why=files)]


class MultiFileSource(Source):
    """The rows of one file after another, each with the name of its file in FILE_COLUMN.

    A file that cannot be read is a row with an error, whatever its reader raises. `annotated_records` has the
    annotations of files that have any. Next to files of CoNLL, a file without annotations is a row with an error: its
    texts would seem to have no entities.
    """

    has_annotations = True
    _marks: DocumentMarks
    _tally: DecisionTally | None = None

    @abstractmethod
    def _members(self) -> Iterator[Member]:
        """Yield all files, also those before `marks.first`."""

    def decisions(self) -> list[Decision]:
        """Return the decisions for the files that have been read so far; the list grows while rows are read."""
        if self._tally is None:
            self._tally = DecisionTally()
        return self._tally.decisions

    def annotated_records(self, label_column: str | None = None) -> Iterator[Record]:
        """Return the rows of all files with their annotations; replaces `records`."""

        def read(source: Source) -> Iterator[Record]:
            if self.reads_label_column and not source.has_annotations:
                raise InputError(
                    f"{source.name} has no annotations, as other files have",
                    found=source.format,
                    expected="files of one format",
                    hint="Give a pattern for the files with annotations, such as 'folder/*.conll'.",
                )
            return source.annotated_records(label_column) if source.has_annotations else source.records()

        return self._read_members(read)

    def _records(self) -> Iterator[Record]:
        return self._read_members(lambda source: source.records())

    def _read_members(self, read: Callable[[Source], Iterator[Record]]) -> Iterator[Record]:
        self.decisions()
        for number, member in enumerate(self._members()):
            if number < self._marks.first:
                continue
            self._marks.begin(number, member.name)
            try:
                error = self._marks.failed.get(number) or member.error
                if error is not None or member.open is None:
                    raise error or InputError(f"{member.name} is not a file")
                with member.open() as source:
                    self.reads_label_column = self.reads_label_column or source.reads_label_column
                    for record in read(source):
                        fields = dict(record.fields) | {FILE_COLUMN: member.name}
                        yield Record(record.line, fields, record.error, record.raw)
                    if self._tally is not None:
                        self._tally.add(member.name, source.decisions())
            except ConfigError:
                raise
            except Exception as error:
                yield Record(1, {FILE_COLUMN: member.name}, as_input_error(error, member.name))

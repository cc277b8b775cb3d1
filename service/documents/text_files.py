"""Reads text files that are one text each, such as those of a folder of labelled texts."""

from __future__ import annotations

from pathlib import Path

from glossator.service.documents.decision import Decision
from glossator.service.documents.formats.documents.text import WholeTextSource
from glossator.service.documents.many_files.multi_file import DecisionTally
from glossator.service.documents.sources.source import SourceOptions
from glossator.service.files import compression


class TextFiles:
    """Reads files and counts how they were decoded.

    Args:
        encoding: The encoding that the caller names; detected for each file if None.
    """

    def __init__(self, encoding: str | None = None) -> None:
        self._encoding = encoding
        self._tally = DecisionTally()

    @property
    def decisions(self) -> list[Decision]:
        """The decisions for the files read so far; the list grows while files are read."""
        return self._tally.decisions

    def read(self, path: Path) -> str:
        """Return the text of a file; a suffix such as .gz says that it is compressed.

        Raises InputError if the file cannot be read or decoded, is empty, or contains U+FFFD.
        """
        codec = compression.split_suffix(path.name)[1]
        with WholeTextSource(str(path), SourceOptions(codec=codec, encoding=self._encoding)) as source:
            (record,) = source.records()
            self._tally.add(path.name, source.decisions())
        if record.error is not None:
            raise record.error
        return str(record.fields["text"])

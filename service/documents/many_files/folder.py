"""The files of a folder or a pattern as one source."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from glossator.service.documents.many_files.file_lists import list_files
from glossator.service.documents.many_files.multi_file import (
    FILE_COLUMN,
    DocumentMarks,
    Member,
    MultiFileSource,
    OpenFile,
)
from glossator.service.errors import ConfigError


class FolderSource(MultiFileSource):
    """The files of a folder or a pattern. `columns` are the columns of all files."""

    format = "folder"

    def __init__(self, path: str, open_file: OpenFile, marks: DocumentMarks) -> None:
        self.name = path
        self._files = list_files(path)
        self._root = path if os.path.isdir(path) else None
        self._open_file = open_file
        self._marks = marks
        if marks.columns is not None:
            self.columns = marks.columns
            return
        numbered = enumerate(self._files)
        columns = dict.fromkeys(column for number, file in numbered for column in self._columns_of(number, file))
        self.columns = (*columns, FILE_COLUMN)

    def _columns_of(self, number: int, file: Path) -> tuple[str, ...]:
        if number in self._marks.failed:
            return ()
        self._marks.begin(number, self._name_of(file))
        try:
            with self._open_file(file) as source:
                self.reads_label_column = self.reads_label_column or source.reads_label_column
                return source.columns
        except ConfigError:
            raise
        except Exception:  # becomes a row with this error
            return ()

    def _name_of(self, file: Path) -> str:
        return os.path.relpath(file, self._root) if self._root else str(file)

    def _members(self) -> Iterator[Member]:
        for file in self._files:
            yield Member(self._name_of(file), partial(self._open_file, file))

    def close(self) -> None:
        """Do nothing: no file is open between two members."""

    def details(self) -> list[str]:
        return [f"{len(self._files):,} files"]

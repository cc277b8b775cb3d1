"""Many files as one source: a folder, a pattern, the members of a ZIP or tar archive. Each row names its file."""

from __future__ import annotations

import glob
import os
import tarfile
import tempfile
import zipfile
import zlib
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from glossator.service.documents.record import Record
from glossator.service.documents.source import Source
from glossator.service.errors import FileMissing, InputError, UndecodableFile
from glossator.service.files import compression
from glossator.service.files.paths import UNFINISHED_SUFFIX, open_bytes

FILE_COLUMN = "_file"
"""The column with the name of a row's file."""
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_WILDCARDS = frozenset("*?[")
OpenFile = Callable[[Path], Source]


def names_many_files(path: str) -> bool:
    """Return whether a path is a folder, or a pattern that is not itself the name of a file."""
    return os.path.isdir(path) or (bool(_WILDCARDS & set(path)) and not os.path.exists(path))


def is_archive(path: str) -> bool:
    """Return whether a file is an archive, by its suffix."""
    return path.lower().endswith(ARCHIVES)


def list_files(path: str) -> list[Path]:
    """Return the files below a folder or of a pattern, sorted by name; `**` in a pattern matches folders at any depth.

    Names that begin with a dot, and the parts of unfinished outputs, are left out. Raises FileMissing if there is no
    file.
    """
    found = glob.glob(os.path.join(glob.escape(path), "**") if os.path.isdir(path) else path, recursive=True)
    files = sorted(Path(name) for name in found if os.path.isfile(name) and not _is_unfinished(Path(name)))
    if not files:
        raise FileMissing(
            f"there is no file {'in the folder' if os.path.isdir(path) else 'that matches'} {path}",
            expected="at least one file",
            hint="Check the path. In quotes, ** matches folders at any depth.",
        )
    return files


def _is_unfinished(path: Path) -> bool:
    return any(part.endswith(UNFINISHED_SUFFIX) for part in path.parts)


@dataclass(frozen=True, slots=True)
class Member:
    """One of many files. `open` returns its rows as a context manager; `error` says why it cannot be read."""

    name: str
    open: Callable[[], Any] | None = None
    error: InputError | None = None


class MultiFileSource(Source):
    """The rows of one file after another, each with the name of its file in FILE_COLUMN.

    A file that cannot be read is a row with an error.
    """

    @abstractmethod
    def _members(self) -> Iterator[Member]: ...

    def _records(self) -> Iterator[Record]:
        for member in self._members():
            try:
                if member.error is not None or member.open is None:
                    raise member.error or InputError(f"{member.name} is not a file")
                with member.open() as source:
                    for record in source.records():
                        fields = dict(record.fields) | {FILE_COLUMN: member.name}
                        yield Record(record.line, fields, record.error, record.raw)
            except InputError as error:
                yield Record(1, {FILE_COLUMN: member.name}, error)


class FolderSource(MultiFileSource):
    """The files of a folder or a pattern. `columns` are the columns of all files."""

    format = "folder"

    def __init__(self, path: str, open_file: OpenFile) -> None:
        self.name = path
        self._files = list_files(path)
        self._root = path if os.path.isdir(path) else None
        self._open_file = open_file
        columns = dict.fromkeys(column for file in self._files for column in self._columns_of(file))
        self.columns = (*columns, FILE_COLUMN)

    def _columns_of(self, file: Path) -> tuple[str, ...]:
        try:
            with self._open_file(file) as source:
                return source.columns
        except InputError:  # becomes a row with this error
            return ()

    def _members(self) -> Iterator[Member]:
        for file in self._files:
            name = os.path.relpath(file, self._root) if self._root else str(file)
            yield Member(name, partial(self._open_file, file))

    def close(self) -> None:
        """Do nothing: no file is open between two members."""

    def details(self) -> list[str]:
        return [f"{len(self._files):,} files"]


class ArchiveSource(MultiFileSource):
    """The members of a ZIP or tar archive; each is unpacked into a temporary file while it is read.

    A member is a row with an error if it expands too far (`compression.expansion_error`), is encrypted, a link, or an
    archive. `columns` are those of the first member that can be read; later members may have others.
    """

    format = "archive"

    def __init__(self, path: str, open_file: OpenFile) -> None:
        self.name = self._path = path
        self._open_file = open_file
        open_bytes(path).close()  # raises the actual error of an unreadable path
        self._remaining = super()._records()
        self._first: list[Record] = []
        for record in self._remaining:
            self._first.append(record)
            if any(name != FILE_COLUMN for name in record.fields):
                break
        fields = self._first[-1].fields if self._first else ()
        self.columns = (*(name for name in fields if name != FILE_COLUMN), FILE_COLUMN)

    def _records(self) -> Iterator[Record]:
        first, self._first = self._first, []
        yield from first
        yield from self._remaining

    def close(self) -> None:
        if isinstance(self._remaining, Generator):
            self._remaining.close()  # removes the temporary file of the current member

    def _members(self) -> Iterator[Member]:
        members = self._zip_members if self._path.lower().endswith(".zip") else self._tar_members
        try:
            yield from members()
        except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error) as error:
            fault = UndecodableFile(
                f"{self._path}: the archive is damaged or truncated",
                found=error,
                expected="a complete archive",
                hint="Copy it or create it again; the rows before this one are complete.",
            )
            yield Member(self._path, error=fault)

    def _zip_members(self) -> Iterator[Member]:
        with zipfile.ZipFile(self._path) as archive:
            for member in archive.infolist():
                if member.is_dir():
                    continue
                error = self._check(member.filename, member.file_size, member.compress_size)
                if member.flag_bits & 1:
                    error = UndecodableFile(
                        f"{member.filename} is encrypted",
                        expected="a member that opens without a password",
                        hint="Unpack the archive with its password first.",
                    )
                yield self._member(member.filename, member.file_size, partial(archive.open, member), error)

    def _tar_members(self) -> Iterator[Member]:
        archive_size = os.path.getsize(self._path)
        total = 0
        with tarfile.open(self._path, "r:*") as archive:
            for member in archive:
                if member.isdir():
                    continue
                total += member.size
                error = self._check(member.name, total, archive_size)
                if not member.isreg():
                    error = InputError(
                        f"{member.name} is a link or a device",
                        expected="a file",
                        hint="Put the file itself into the archive.",
                    )
                yield self._member(member.name, member.size, partial(archive.extractfile, member), error)

    def _check(self, name: str, expanded: int, size: int) -> InputError | None:
        if is_archive(name):
            return InputError(f"{name} is an archive within an archive", hint="Unpack the outer one first.")
        return compression.expansion_error(name, size, expanded)

    def _member(self, name: str, size: int, open_stream: Callable[[], Any], error: InputError | None) -> Member:
        return Member(name, partial(self._open_member, name, size, open_stream), error)

    @contextmanager
    def _open_member(self, name: str, size: int, open_stream: Callable[[], Any]) -> Iterator[Source]:
        # The member's name decides its format and nothing else: no file is written under that name.
        with tempfile.TemporaryDirectory(prefix="glossator-") as folder:
            file = Path(folder, f"member{''.join(Path(name).suffixes[-2:])}")
            try:
                with open_stream() as member, open(file, "wb") as unpacked:
                    while block := member.read(1 << 20):
                        unpacked.write(block)
                        if unpacked.tell() > size:
                            raise UndecodableFile(f"{name} is larger than the archive says", expected=f"{size:,} bytes")
            except (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
                raise UndecodableFile(
                    f"{name} cannot be unpacked", found=error, expected="a complete archive"
                ) from None
            with self._open_file(file) as source:
                yield source

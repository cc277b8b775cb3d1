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
from glossator.service.files.paths import open_bytes

FILE = "_file"
"""The column that names the file of a row."""
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
UNFINISHED = ".unfinished"
"""Folders of this ending hold the parts of outputs, not inputs."""
_MAGIC = frozenset("*?[")
Open = Callable[[Path], Source]


def is_many(path: str) -> bool:
    """Whether a path stands for many files: a folder, or a pattern that is not itself the name of a file."""
    return os.path.isdir(path) or (bool(_MAGIC & set(path)) and not os.path.exists(path))


def is_archive(path: str) -> bool:
    """Whether a file holds others, by its name."""
    return path.lower().endswith(ARCHIVES)


def files_of(path: str) -> list[Path]:
    """The files below a folder or of a pattern (`**` goes into folders), in the order of their names; names that begin
    with a dot are left out. Raises FileMissing where there is none."""
    found = glob.glob(os.path.join(glob.escape(path), "**") if os.path.isdir(path) else path, recursive=True)
    files = sorted(Path(each) for each in found if os.path.isfile(each) and not _is_part(Path(each)))
    if not files:
        raise FileMissing(
            f"there is no file {'in the folder' if os.path.isdir(path) else 'like'} {path}", expected="one at least",
            hint="Look at the path; within quotes ** goes into folders.",
        )  # fmt: skip
    return files


def _is_part(path: Path) -> bool:
    return any(part.endswith(UNFINISHED) for part in path.parts)


@dataclass(frozen=True, slots=True)
class Member:
    """A file of many. `error` says why it cannot be read; else `opened` gives its rows, once."""

    name: str
    opened: Callable[[], Any] | None = None
    error: InputError | None = None


class ManySource(Source):
    """The rows of one file after another, each with its file's name in the column FILE. A file that cannot be read is a
    row with an error."""

    @abstractmethod
    def _members(self) -> Iterator[Member]: ...

    def _records(self) -> Iterator[Record]:
        for member in self._members():
            try:
                if member.error is not None or member.opened is None:
                    raise member.error or InputError(f"{member.name} is not a file")
                with member.opened() as source:
                    for record in source.records():
                        fields = dict(record.fields) | {FILE: member.name}
                        yield Record(record.line, fields, record.error, record.raw)
            except InputError as error:
                yield Record(1, {FILE: member.name}, error)


class FolderSource(ManySource):
    """The files of a folder or a pattern. `columns` are those of all files."""

    format = "folder"

    def __init__(self, path: str, opened: Open) -> None:
        self.name = path
        self._files = files_of(path)
        self._root = path if os.path.isdir(path) else None
        self._open = opened
        self.columns = (*dict.fromkeys(column for file in self._files for column in self._columns(file)), FILE)

    def _columns(self, file: Path) -> tuple[str, ...]:
        try:
            with self._open(file) as source:
                return source.columns
        except InputError:  # told as a row
            return ()

    def _members(self) -> Iterator[Member]:
        for file in self._files:
            name = os.path.relpath(file, self._root) if self._root else str(file)
            yield Member(name, partial(self._open, file))

    def close(self) -> None:
        """Nothing is open between two files."""

    def details(self) -> list[str]:
        return [f"{len(self._files):,} files"]


class ArchiveSource(ManySource):
    """The members of a ZIP or tar archive, each unpacked into a temporary file while it is read. One that is a bomb
    (`codecs.bomb`), is encrypted, a link, or an archive itself, is a row with an error. `columns` are those of the
    first member that can be read; others may bring more."""

    format = "archive"

    def __init__(self, path: str, opened: Open) -> None:
        self.name = self._path = path
        self._open = opened
        open_bytes(path).close()  # raises what is truly wrong
        self._rest = super()._records()
        self._head: list[Record] = []
        for record in self._rest:
            self._head.append(record)
            if any(name != FILE for name in record.fields):
                break
        self.columns = (*(name for name in (self._head[-1].fields if self._head else ()) if name != FILE), FILE)

    def _records(self) -> Iterator[Record]:
        head, self._head = self._head, []
        yield from head
        yield from self._rest

    def close(self) -> None:
        if isinstance(self._rest, Generator):
            self._rest.close()  # takes the member that is being read away

    def _members(self) -> Iterator[Member]:
        inside = self._zip if self._path.lower().endswith(".zip") else self._tar
        try:
            yield from inside()
        except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error) as error:
            what = f"{self._path}: the archive is damaged or cut off"
            hint = "Copy or make it again; the rows before this one are whole."
            yield Member(self._path, error=UndecodableFile(what, found=error, expected="a whole archive", hint=hint))

    def _zip(self) -> Iterator[Member]:
        with zipfile.ZipFile(self._path) as archive:
            for member in archive.infolist():
                if member.is_dir():
                    continue
                error = self._fault(member.filename, member.file_size, member.compress_size)
                if member.flag_bits & 1:
                    error = UndecodableFile(
                        f"{member.filename} is encrypted",
                        expected="a member that opens without a password",
                        hint="Unpack the archive with its password first.",
                    )
                yield self._member(member.filename, member.file_size, partial(archive.open, member), error)

    def _tar(self) -> Iterator[Member]:
        packed = os.path.getsize(self._path)
        total = 0
        with tarfile.open(self._path, "r:*") as archive:
            for member in archive:
                if member.isdir():
                    continue
                total += member.size
                error = self._fault(member.name, total, packed)
                if not member.isreg():
                    error = InputError(
                        f"{member.name} is a link or a device",
                        expected="a file",
                        hint="Put the file itself into the archive.",
                    )
                yield self._member(member.name, member.size, partial(archive.extractfile, member), error)

    def _fault(self, name: str, size: int, packed: int) -> InputError | None:
        if is_archive(name):
            return InputError(f"{name} is an archive within an archive", hint="Unpack the outer one first.")
        return compression.expansion_error(name, packed, size)

    def _member(self, name: str, size: int, stream: Callable[[], Any], error: InputError | None) -> Member:
        return Member(name, partial(self._unpacked, name, size, stream), error)

    @contextmanager
    def _unpacked(self, name: str, size: int, stream: Callable[[], Any]) -> Iterator[Source]:
        # The name decides the format and nothing else: no member is written under it.
        with tempfile.TemporaryDirectory(prefix="glossator-") as folder:
            file = Path(folder, f"member{''.join(Path(name).suffixes[-2:])}")
            try:
                with stream() as member, open(file, "wb") as unpacked:
                    while block := member.read(1 << 20):
                        unpacked.write(block)
                        if unpacked.tell() > size:
                            raise UndecodableFile(f"{name} is larger than it says", expected=f"{size:,} bytes")
            except (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
                raise UndecodableFile(f"{name} cannot be unpacked", found=error, expected="a whole archive") from None
            with self._open(file) as source:
                yield source

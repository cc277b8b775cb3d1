"""The members of a ZIP or tar archive as one source.

Their sizes are added up: `budgets.ArchiveBudget` ends an archive that expands too far, even if no member does.
"""

from __future__ import annotations

import itertools
import lzma
import os
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from glossator.service.documents.many_files.file_lists import is_archive
from glossator.service.documents.many_files.multi_file import (
    FILE_COLUMN,
    DocumentMarks,
    Member,
    MultiFileSource,
    OpenFile,
)
from glossator.service.documents.record import Record
from glossator.service.documents.reports import report_progress
from glossator.service.documents.sources.budgets import ArchiveBudget
from glossator.service.documents.sources.source import Source
from glossator.service.errors import InputError, UndecodableFile
from glossator.service.files import compression
from glossator.service.files.paths import open_bytes

_BLOCK_BYTES = 1 << 20
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError)
_MEMBER_DAMAGE = (*_DAMAGE, NotImplementedError, RuntimeError, ValueError)


class ArchiveSource(MultiFileSource):
    """The members of a ZIP or tar archive; each is unpacked into a temporary file while it is read.

    A member is a row with an error if it expands too far, is encrypted, a link, or an archive. `columns` are those of
    the first member that can be read; later members may have others.
    """

    format = "archive"

    def __init__(self, path: str, open_file: OpenFile, marks: DocumentMarks) -> None:
        self.name = self._path = path
        self._open_file = open_file
        self._marks = marks
        open_bytes(path).close()  # raises the actual error of an unreadable path
        self._remaining = super()._records()
        self._first: list[Record] = []
        if marks.columns is not None:
            self.columns = marks.columns
            return
        for record in self._remaining:
            self._first.append(record)
            if any(name != FILE_COLUMN for name in record.fields):
                break
        fields = self._first[-1].fields if self._first else ()
        self.columns = (*(name for name in fields if name != FILE_COLUMN), FILE_COLUMN)

    def annotated_records(self, label_column: str | None = None) -> Iterator[Record]:
        self.close()
        self._first = []
        self._remaining = super().annotated_records(label_column)
        return self._remaining

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
        except _DAMAGE as error:
            fault = UndecodableFile(
                f"{self._path}: the archive is damaged or truncated",
                found=error,
                expected="a complete archive",
                hint="Copy it or create it again; the rows before this one are complete.",
            )
            yield Member(self._path, error=fault)

    def _zip_members(self) -> Iterator[Member]:
        budget = ArchiveBudget(self._path, os.path.getsize(self._path))
        with zipfile.ZipFile(self._path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if (overlap := overlapping_members(members)) is not None:
                yield Member(overlap[0], error=_overlap_error(*overlap, self._path))
                return
            for member in members:
                bomb = compression.expansion_error(member.filename, member.compress_size, member.file_size)
                error = bomb or budget.add(member.filename, member.file_size) or _archive_error(member.filename)
                if member.flag_bits & 1:
                    error = UndecodableFile(
                        f"{member.filename} is encrypted",
                        expected="a member that opens without a password",
                        hint="Unpack the archive with its password first.",
                    )
                yield self._member(member.filename, member.file_size, partial(archive.open, member), error)

    def _tar_members(self) -> Iterator[Member]:
        size = os.path.getsize(self._path)
        budget = ArchiveBudget(self._path, size)
        with tarfile.open(self._path, "r:*") as archive:
            for member in archive:
                archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every header that it has read
                report_progress()
                if member.isdir():
                    continue
                bomb = compression.expansion_error(member.name, size, member.size) or budget.add(
                    member.name, member.size
                )
                if bomb is not None:
                    yield Member(member.name, error=bomb)
                    return  # skipping it would decompress it
                error = _archive_error(member.name)
                if not member.isreg():
                    error = InputError(
                        f"{member.name} is a link or a device",
                        expected="a file",
                        hint="Put the file itself into the archive.",
                    )
                yield self._member(member.name, member.size, partial(archive.extractfile, member), error)

    def _member(self, name: str, size: int, open_stream: Callable[[], Any], error: InputError | None) -> Member:
        return Member(name, partial(self._open_member, name, size, open_stream), error)

    @contextmanager
    def _open_member(self, name: str, size: int, open_stream: Callable[[], Any]) -> Iterator[Source]:
        # The member's name decides its format and nothing else: no file is written under that name.
        with tempfile.TemporaryDirectory(prefix="glossator-") as folder:
            file = Path(folder, f"member{''.join(Path(name).suffixes[-2:])}")
            try:
                with open_stream() as member, open(file, "wb") as unpacked:
                    while block := member.read(_BLOCK_BYTES):
                        unpacked.write(block)
                        report_progress()
                        if unpacked.tell() > size:
                            raise UndecodableFile(f"{name} is larger than the archive says", expected=f"{size:,} bytes")
            except _MEMBER_DAMAGE as error:
                raise UndecodableFile(
                    f"{name} cannot be unpacked", found=error, expected="a complete archive"
                ) from None
            with self._open_file(file) as source:
                yield source


def _archive_error(name: str) -> InputError | None:
    if not is_archive(name):
        return None
    return InputError(f"{name} is an archive within an archive", hint="Unpack the outer one first.")


def overlapping_members(members: list[zipfile.ZipInfo]) -> tuple[str, str] | None:
    """Return the names of two members that share bytes of a ZIP archive, or None. Only bombs have any."""
    ordered = sorted(members, key=lambda member: member.header_offset)
    for before, after in itertools.pairwise(ordered):
        if before.header_offset + before.compress_size > after.header_offset or (
            before.header_offset == after.header_offset
        ):
            return before.filename, after.filename
    return None


def _overlap_error(first: str, second: str, archive: str) -> UndecodableFile:
    return UndecodableFile(
        f"{archive} is not read: two of its members share the same bytes",
        found=f"{first} and {second}",
        expected="members that follow one another",
        hint="Create the archive again. Archives of this form are made to fill disks.",
    )

"""The files of jobs: uploads, finished parts and results.

`jobs/ID/` contains `input…`, `parts/` and `result-N…`; `files/ID` is an uploaded file for a batch; `incoming/` contains
uploads in progress. File names never come from clients. Servers and workers of one store share the folder. Only their
user can read it.

A file or folder that is not in the store yet is locked by the process that makes it, so that the leftovers of processes
that were killed are found at once.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from glossator.service.errors import ConfigError, JobConflict, NoRoom
from glossator.service.files.durable import sync_folder, write_atomically
from glossator.service.files.locks import lock_descriptor
from glossator.service.jobs.private_files import (
    FILE_MODE,
    create_private_file,
    inside_folder,
    make_private_folder,
    open_private,
    read_private,
)
from glossator.service.jobs.records import Job

_JOBS, _FILES, _INCOMING, _PARTS = "jobs", "files", "incoming", "parts"
_HEAD = "head"
_BATCH = 500
"""Ids that are looked up at once."""
FREE_BYTES = 1 << 30
"""Disk space that must stay free."""


def new_id(kind: str) -> str:
    """Return an unguessable id: the kind, then 24 hexadecimal digits."""
    return f"{kind}_{secrets.token_hex(12)}"


class JobFiles:
    """The files of one store. Raises ConfigError if the folder cannot be used."""

    def __init__(self, root: Path, *, free_bytes: int = FREE_BYTES) -> None:
        self.root = root.absolute()
        self._free = free_bytes
        try:
            if not self.root.is_dir():
                self.root.parent.mkdir(parents=True, exist_ok=True)
                make_private_folder(self.root)
            for name in (_JOBS, _FILES, _INCOMING):
                make_private_folder(self.root / name)
        except OSError as error:
            raise ConfigError(
                "the --jobs folder cannot be used",
                found=f"{root}: {error.strerror}",
                expected="a writable folder",
                hint="Choose another folder with --jobs.",
            ) from error

    def check_room(self, more: int = 0) -> None:
        """Raise NoRoom if `more` bytes would leave too little free disk space."""
        free = shutil.disk_usage(self.root).free
        if free - more < self._free:
            raise NoRoom(
                "there is not enough disk space",
                found=f"{free:,} bytes free",
                expected=f"{more:,} bytes plus a reserve of {self._free:,}",
                hint="Delete ended jobs, or ask the operator for a larger disk.",
            )

    def receive(self) -> Incoming:
        """Start to receive a file."""
        return Incoming(self.root / _INCOMING / secrets.token_hex(12), self.check_room)

    def job(self, job_id: str) -> Path:
        """Return the folder of a job."""
        return self.root / _JOBS / job_id

    def parts(self, job_id: str) -> Path:
        """Return the folder with the finished parts of a job."""
        return self.job(job_id) / _PARTS

    def working_folder(self, job_id: str) -> AbstractContextManager[None]:
        """Work in the folder of a job, which is reached without following links. Raises JobConflict."""
        return inside_folder(self.root, _JOBS, job_id)

    @contextmanager
    def new_job(self, job_id: str) -> Iterator[Path]:
        """Make the folder of a job that is being accepted; `sweep` leaves it alone inside the block."""
        path = self.job(job_id)
        while True:
            make_private_folder(path)
            descriptor = os.open(path, os.O_RDONLY)
            lock_descriptor(descriptor, wait=True)
            with suppress(FileNotFoundError):  # a sweep removed it before it was locked
                if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                    break
            os.close(descriptor)
        try:
            yield path
        finally:
            os.close(descriptor)

    def open_result(self, job: Job) -> int:
        """Return a descriptor of the result file for reading. Raises JobConflict if it was changed on disk."""
        assert job.result is not None
        descriptor = open_private(self.root, _JOBS, job.id, job.result)
        size = os.fstat(descriptor).st_size
        if size != job.result_bytes:
            os.close(descriptor)
            raise JobConflict(
                "the result of the job was changed on disk",
                found=f"{size:,} bytes",
                expected=f"{job.result_bytes:,} bytes",
                hint="Submit the file again. If it happens again, ask the operator to check the --jobs folder.",
            )
        return descriptor

    def open_part(self, job_id: str, name: str) -> int:
        """Return a descriptor of a finished part for reading. Raises JobConflict."""
        return open_private(self.root, _JOBS, job_id, _PARTS, name)

    def write_head(self, job_id: str, head: bytes) -> None:
        """Keep what a partial result begins with, so that a server need not parse the input for it. Raises OSError."""
        write_atomically(self.parts(job_id) / _HEAD, head, mode=FILE_MODE)

    def read_head(self, job_id: str) -> bytes:
        """Return what a partial result begins with: nothing before the first attempt. Raises JobConflict."""
        if not (self.parts(job_id) / _HEAD).exists():
            return b""
        return read_private(self.root, _JOBS, job_id, _PARTS, _HEAD)

    def open_file(self, file_id: str) -> int:
        """Return a descriptor of an uploaded file for a batch. Raises JobConflict."""
        return open_private(self.root, _FILES, file_id)

    def file(self, file_id: str) -> Path:
        """Return the path of an uploaded file for a batch."""
        return self.root / _FILES / file_id

    def remove_parts(self, job_id: str, names: list[str]) -> None:
        """Remove parts that no chunk uses."""
        for name in names:
            with suppress(OSError):
                (self.parts(job_id) / name).unlink()

    def remove(self, each: str) -> None:
        """Remove all files of a job or an upload. Files that another process still adds are removed by `sweep`."""
        shutil.rmtree(self.job(each), ignore_errors=True)
        with suppress(OSError):
            self.file(each).unlink()

    def sweep(self, known: Callable[[list[str]], set[str]]) -> list[str]:
        """Remove what killed processes left: uploads in progress, folders and files that are not in the store.

        Args:
            known: Returns which of some ids are in the store.
        """
        for file in (self.root / _INCOMING).iterdir():
            with _abandoned(file) as abandoned:
                if abandoned:
                    file.unlink(missing_ok=True)
        removed = []
        there = [each for name in (_JOBS, _FILES) for each in (self.root / name).iterdir()]
        for first in range(0, len(there), _BATCH):
            batch = there[first : first + _BATCH]
            have = known([each.name for each in batch])
            for each in batch:
                if each.name in have:
                    continue
                with _abandoned(each) as abandoned:
                    # Asked again under the lock: the job may have been accepted a moment ago.
                    if abandoned and not known([each.name]):
                        self.remove(each.name)
                        removed.append(each.name)
        return sorted(removed)


@contextmanager
def _abandoned(path: Path) -> Iterator[bool]:
    """Whether no process is making the file or folder; it is locked inside the block."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        yield False
        return
    except OSError:  # a link, for example: nothing of ours
        yield True
        return
    try:
        yield lock_descriptor(descriptor)
    finally:
        os.close(descriptor)


class Incoming:
    """A file that is being received: counted, hashed and written as it arrives. It is locked until `discard`."""

    def __init__(self, path: Path, check_room: Callable[[int], None]) -> None:
        self._path = path
        self._check_room = check_room
        self._digest = hashlib.sha256()
        while True:
            self._file = open(create_private_file(path), "wb", buffering=0)  # noqa: SIM115  (discard closes it)
            lock_descriptor(self._file.fileno(), wait=True)
            with suppress(FileNotFoundError):  # a sweep removed it before it was locked
                if os.path.samestat(os.fstat(self._file.fileno()), os.lstat(path)):
                    break
            self._file.close()
        self.bytes = 0
        self.lines = 0

    def write(self, data: bytes) -> None:
        """Append bytes. Raises NoRoom if the disk is nearly full."""
        self._check_room(len(data))
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoRoom(
                    "the upload cannot be stored: the disk is full",
                    found=error.strerror,
                    expected="space on the disk with the --jobs folder",
                    hint="Retry later, or ask the operator to free disk space.",
                ) from error
            raise
        self._digest.update(data)
        self.bytes += len(data)
        self.lines += data.count(b"\n")

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def keep(self, path: Path) -> None:
        """Move the file to `path` durably: contents and name are flushed to disk."""
        os.fsync(self._file.fileno())
        os.replace(self._path, path)
        sync_folder(path.parent)
        sync_folder(path.parent.parent)

    def discard(self) -> None:
        """Close the file, and remove it unless it was kept."""
        self._file.close()
        self._path.unlink(missing_ok=True)

"""The files of jobs: uploads, finished parts and results.

`jobs/ID/` contains `input…`, `parts/` and `result-N…`; `files/ID` is an uploaded file for a batch; `incoming/` contains
uploads in progress. File names never come from clients. Servers and workers of one store share the folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from glossator.service.errors import ConfigError, NoRoom
from glossator.service.files.durable import sync_folder
from glossator.service.jobs.records import Job

_JOBS, _FILES, _INCOMING = "jobs", "files", "incoming"
_STRAY_SECONDS = 24 * 3_600.0
"""A folder without a job is removed at this age; a younger one may belong to a job that is being accepted."""
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
            for name in (_JOBS, _FILES, _INCOMING):
                (self.root / name).mkdir(parents=True, exist_ok=True)
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
        return self.job(job_id) / "parts"

    def result(self, job: Job) -> Path | None:
        """Return the result file of a job, or None."""
        return None if job.result is None else self.job(job.id) / job.result

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
        """Remove interrupted uploads and folders of deleted jobs. `known` returns which of some ids the store has."""
        old = time.time() - _STRAY_SECONDS
        for file in (self.root / _INCOMING).iterdir():
            if _modified(file) < old:
                with suppress(OSError):
                    file.unlink()
        there = [
            each.name for name in (_JOBS, _FILES) for each in (self.root / name).iterdir() if _modified(each) < old
        ]
        stray = []
        for first in range(0, len(there), 500):
            ids = there[first : first + 500]
            stray += sorted(set(ids) - known(ids))
        for each in stray:
            self.remove(each)
        return stray


class Incoming:
    """A file that is being received: counted, hashed and written as it arrives."""

    def __init__(self, path: Path, check_room: Callable[[int], None]) -> None:
        self._path = path
        self._check_room = check_room
        self._digest = hashlib.sha256()
        self._file = open(path, "xb", buffering=0)  # noqa: SIM115  (keep or discard closes it)
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
                raise NoRoom("the disk is full", found=error.strerror, hint="Retry later.") from error
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
        self._file.close()
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self._path, path)
        sync_folder(path.parent)
        sync_folder(path.parent.parent)

    def discard(self) -> None:
        """Remove the file unless it was kept."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()

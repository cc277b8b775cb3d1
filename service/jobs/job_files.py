"""Where the files of jobs stand: what is uploaded, the parts of what is done, the results.

`jobs/ID/` holds `input…`, `parts/` and `result.N`, `files/ID` what waits to become a batch, `incoming/` what is being
received. Names are made here, never by those who upload. Servers and workers of one store share the folder.
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
"""A folder that no job has is removed when it is this old: before that it may be about to be accepted."""
FREE_BYTES = 1 << 30
"""What must stay free on the disk."""


def new_id(kind: str) -> str:
    """An id that nobody can guess: the kind of thing, then 24 hexadecimal digits."""
    return f"{kind}_{secrets.token_hex(12)}"


class Folder:
    """The files of one store. Raises ConfigError where the folder cannot be used."""

    def __init__(self, root: Path, *, free_bytes: int = FREE_BYTES) -> None:
        self.root = root.absolute()
        self._free = free_bytes
        try:
            for name in (_JOBS, _FILES, _INCOMING):
                (self.root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                "the folder of the jobs cannot be used", found=f"{root}: {error.strerror}",
                expected="a folder that can be written to", hint="Choose another with --jobs.",
            ) from error  # fmt: skip

    def check_room(self, more: int = 0) -> None:
        """Raises NoRoom where `more` bytes would leave less on the disk than must stay free."""
        free = shutil.disk_usage(self.root).free
        if free - more < self._free:
            raise NoRoom(
                "there is no room for more", found=f"{free:,} bytes are free",
                expected=f"{more:,} bytes, and {self._free:,} that stay free",
                hint="Delete jobs that have ended, or ask the operator for a larger disk.",
            )  # fmt: skip

    def receive(self) -> Incoming:
        """A file that is about to come in."""
        return Incoming(self.root / _INCOMING / secrets.token_hex(12), self.check_room)

    def job(self, job_id: str) -> Path:
        """The folder of a job."""
        return self.root / _JOBS / job_id

    def parts(self, job_id: str) -> Path:
        """The folder of what is done of a job."""
        return self.job(job_id) / "parts"

    def result(self, job: Job) -> Path | None:
        """What a job made, if it has."""
        return None if job.result is None else self.job(job.id) / job.result

    def file(self, file_id: str) -> Path:
        """A file that waits to become a batch."""
        return self.root / _FILES / file_id

    def remove_parts(self, job_id: str, names: list[str]) -> None:
        """Removes parts that no chunk names any more."""
        for name in names:
            with suppress(OSError):
                (self.parts(job_id) / name).unlink()

    def remove(self, each: str) -> None:
        """Removes all that a job or a file has here. Another process may be writing there: what it adds is removed by
        `sweep`."""
        shutil.rmtree(self.job(each), ignore_errors=True)
        with suppress(OSError):
            self.file(each).unlink()

    def sweep(self, known: Callable[[list[str]], set[str]]) -> list[str]:
        """Removes what nobody has: uploads that were broken off, folders of jobs that are gone. `known` tells which of
        some ids the store has."""
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
    """A file on its way in: its bytes are counted, hashed and written as they come."""

    def __init__(self, path: Path, check_room: Callable[[int], None]) -> None:
        self._path = path
        self._check_room = check_room
        self._digest = hashlib.sha256()
        self._file = open(path, "xb", buffering=0)  # noqa: SIM115  (keep or discard closes it)
        self.bytes = 0
        self.lines = 0

    def write(self, data: bytes) -> None:
        """Adds bytes. Raises NoRoom where the disk is nearly full."""
        self._check_room(len(data))
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoRoom("the disk is full", found=error.strerror, hint="Try again later.") from error
            raise
        self._digest.update(data)
        self.bytes += len(data)
        self.lines += data.count(b"\n")

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def keep(self, path: Path) -> None:
        """Gives the file its place, for good: it is on disk, and so is its name."""
        os.fsync(self._file.fileno())
        self._file.close()
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self._path, path)
        sync_folder(path.parent)
        sync_folder(path.parent.parent)

    def discard(self) -> None:
        """Leaves nothing behind, unless it was kept."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()

"""The ledger of a job: a chunk is on disk before the store records it, and the store rejects stale attempts."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from pathlib import Path

from glossator.service.documents.row_formats import RowFormat
from glossator.service.errors import JobConflict, JobError, OutputError
from glossator.service.files.atomic_file import AtomicFile
from glossator.service.files.durable import write_atomically
from glossator.service.files.hashing import hash_file
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.private_files import FILE_MODE, make_private_folder
from glossator.service.jobs.records import Chunk, Job, Result
from glossator.service.jobs.storage.store import Store
from glossator.service.labelling.summary import RowCounts

_ATTEMPT = re.compile(r"\.?(?:\d{8}|result)-(\d+)\.")
"""The attempt in the name of a part, of a result, and of a temporary file of either."""


class JobLedger:
    """The chunks of a claimed job.

    File names contain the attempt: an attempt that continues after its lease expired never writes into files of another
    attempt, and the store rejects its chunks.
    """

    def __init__(self, store: Store, folder: JobFiles, claim: Job) -> None:
        self._store = store
        self._folder = folder
        self._claim = claim
        self._parts = folder.parts(claim.id)
        try:
            make_private_folder(self._parts)
        except OSError as error:
            raise _unwritten(error) from error
        chunks = store.chunks(claim.id)
        whole = [chunk for chunk in chunks if self._is_whole(chunk)]
        if len(whole) < len(chunks):
            store.forget(claim, [chunk for chunk in chunks if chunk not in whole])
        self._chunks = {chunk.number: chunk for chunk in whole}
        self.done = {chunk.number: chunk.counts for chunk in whole}
        """The counts of finished chunks by index."""
        self._remove_leftovers({chunk.part for chunk in whole})

    @property
    def next(self) -> int:
        """The index of the first missing chunk."""
        return next(number for number in range(len(self._chunks) + 1) if number not in self._chunks)

    def begin(self, layout: RowFormat) -> None:
        """Prepare partial results in a format. Raises OutputError."""
        if layout.streamable:
            try:
                self._folder.write_head(self._claim.id, layout.header())
            except OSError as error:
                raise _unwritten(error) from error

    def put(self, index: int, data: bytes, counts: RowCounts) -> None:
        """Write and record a chunk. Raises StaleAttempt, OutputError, NoRoom."""
        self._folder.check_room(len(data))
        name = f"{index:08d}-{self._claim.attempt}.part"
        part = self._parts / name
        try:
            write_atomically(part, data, mode=FILE_MODE)
        except OSError as error:
            raise _unwritten(error) from error
        chunk = Chunk(index, name, hashlib.sha256(data).hexdigest(), counts)
        self._store.enter(self._claim, chunk)
        self._chunks[index] = chunk
        self.done[index] = counts

    def finish(self, layout: RowFormat, codec: str | None, kind: str) -> Job:
        """Join the chunks to the result and complete the job. Raises StaleAttempt, OutputError, JobError."""
        if sorted(self._chunks) != list(range(len(self._chunks))):
            raise JobError("chunks are missing", found=sorted(self._chunks)[-1], hint="Retry the job.")
        # The working folder is that of the job, so that no error shows its path to a client.
        path = Path(f"result-{self._claim.attempt}{kind}")
        parts = [self._parts / self._chunks[index].part for index in range(len(self._chunks))]
        with contextlib.suppress(FileNotFoundError):
            path.unlink()  # otherwise a link of this name would be followed
        aside = AtomicFile(str(path), codec=codec, mode=FILE_MODE)
        try:
            if not all(stat.S_ISREG(os.lstat(part).st_mode) for part in parts):
                raise JobError("a finished part of the job was changed on disk", hint="Retry the job.")
            layout.join(parts, aside.write)
            aside.commit()
        except OSError as error:
            raise _unwritten(error) from error
        finally:
            aside.discard()
        return self._store.complete(self._claim, Result(path.name, hash_file(path), path.stat().st_size))

    def _is_whole(self, chunk: Chunk) -> bool:
        """Whether the part of a chunk is on disk, unchanged."""
        try:
            with open(self._folder.open_part(self._claim.id, chunk.part), "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == chunk.sha256
        except (OSError, JobConflict):
            return False

    def _remove_leftovers(self, parts: set[str]) -> None:
        """Remove what earlier attempts left, except `parts`.

        Files of later attempts stay: if this attempt is stale, a later one may be writing here.
        """
        for folder in (self._parts, self._parts.parent):
            for file in folder.iterdir():
                found = _ATTEMPT.match(file.name)
                if found is not None and int(found[1]) < self._claim.attempt and file.name not in parts:
                    with contextlib.suppress(OSError):
                        file.unlink()


def _unwritten(error: OSError) -> OutputError:
    return OutputError(
        "the rows of the job cannot be written to the --jobs folder",
        found=error.strerror,
        expected="disk space and write permission",
        hint="Free disk space on the server, then retry the job; finished chunks are kept.",
    )

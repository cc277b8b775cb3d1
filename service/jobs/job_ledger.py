"""The ledger of a job: a chunk is on disk before the store records it, and the store rejects stale attempts."""

from __future__ import annotations

import hashlib
from pathlib import Path

from glossator.service.documents.row_formats import RowFormat
from glossator.service.errors import JobError, OutputError
from glossator.service.files.atomic_file import AtomicFile
from glossator.service.files.durable import write_atomically
from glossator.service.files.hashing import hash_file
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.records import Chunk, Job, Result
from glossator.service.jobs.store import Store
from glossator.service.labelling.summary import RowCounts


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
            self._parts.mkdir(exist_ok=True)
        except OSError as error:
            raise _unwritten(error) from error
        chunks = store.chunks(claim.id)
        whole = [chunk for chunk in chunks if _is_whole(self._parts / chunk.part, chunk.sha256)]
        if len(whole) < len(chunks):
            store.forget(claim, [chunk for chunk in chunks if chunk not in whole])
        self._chunks = {chunk.number: chunk for chunk in whole}
        self.done = {chunk.number: chunk.counts for chunk in whole}
        """The counts of finished chunks by index."""
        named = {chunk.part for chunk in whole}
        # Only files of earlier attempts: if this attempt is stale, a later one may be writing here.
        earlier = [file.name for file in self._parts.iterdir() if _attempt(file) < claim.attempt]
        folder.remove_parts(claim.id, [name for name in earlier if name not in named])

    @property
    def next(self) -> int:
        """The index of the first missing chunk."""
        return next(number for number in range(len(self._chunks) + 1) if number not in self._chunks)

    def put(self, index: int, data: bytes, counts: RowCounts) -> None:
        """Write and record a chunk. Raises StaleAttempt, OutputError, NoRoom."""
        self._folder.check_room(len(data))
        name = f"{index:08d}-{self._claim.attempt}.part"
        part = self._parts / name
        try:
            write_atomically(part, data, temporary=part.with_suffix(".tmp"))
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
        path = self._folder.job(self._claim.id) / f"result-{self._claim.attempt}{kind}"
        aside = AtomicFile(str(path), codec=codec)
        try:
            layout.join([self._parts / self._chunks[index].part for index in range(len(self._chunks))], aside.write)
            aside.commit()
        except OSError as error:
            raise _unwritten(error) from error
        finally:
            aside.discard()
        return self._store.complete(self._claim, Result(path.name, hash_file(path), path.stat().st_size))


def _attempt(part: Path) -> int:
    return int(part.stem.rpartition("-")[2])


def _is_whole(part: Path, digest: str) -> bool:
    try:
        return hash_file(part) == digest
    except OSError:
        return False


def _unwritten(error: OSError) -> OutputError:
    return OutputError(
        "the rows of the job cannot be written",
        found=error.strerror,
        expected="disk space and write permission",
        hint="Free disk space on the server, then retry the job; finished chunks are kept.",
    )

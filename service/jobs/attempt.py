"""One attempt at a job: labels its file chunk by chunk into its ledger while its claim is valid.

A chunk may crash its worker, exhaust its memory or hang. The next attempt then runs one chunk at a time and records
each before it starts. If the same chunk ends three attempts, its rows get an error and the job continues.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from glossator.service.errors import (
    ChunkFailed,
    GlossatorError,
    InputError,
    JobError,
    NoRoom,
    StaleAttempt,
    StoreUnavailable,
)
from glossator.service.files import compression
from glossator.service.files.hashing import hash_file
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.job_ledger import JobLedger
from glossator.service.jobs.job_options import make_labelling, options_of, output_ending
from glossator.service.jobs.records import Job
from glossator.service.jobs.store import Store
from glossator.service.labelling.destination import LedgerDestination
from glossator.service.labelling.identity import use_batch_costs
from glossator.service.labelling.prepared_labelling import prepare
from glossator.service.labelling.row_labelling import CHUNKS_AHEAD, PendingAnswers, StartAnswers
from glossator.service.tasks.encoded import Text

STRIKES = 3
"""Number of attempts that a chunk may end before its rows get an error."""
_RENEWALS = 3
"""Number of renewals per lease."""

logger = logging.getLogger("glossator.service.jobs")


class Stopped(Exception):
    """The worker must stop; the job returns to the queue at the next chunk."""


def attempt(
    store: Store,
    folder: JobFiles,
    claim: Job,
    model: Callable[[str], Model],
    *,
    lease: float,
    stopping: Callable[[], bool] = lambda: False,
    chunk_seconds: float = float("inf"),
) -> Job | None:
    """Run a claimed job. Return the ended job, or None if it was taken away or returned to the queue.

    A GlossatorError or a lack of memory ends the job as `failed`; finished chunks are kept.

    Args:
        store: The job store.
        folder: The files of jobs.
        claim: The claimed job.
        model: Returns the model with a digest.
        lease: Seconds that a claim is valid without renewal.
        stopping: Whether the worker must stop.
        chunk_seconds: If no chunk is finished for this long, the process exits: a hanging computation cannot be
            interrupted otherwise.
    """
    with _LeaseKeeper(store, claim, lease, chunk_seconds) as lease_keeper:
        try:
            ledger = JobLedger(store, folder, claim)
            return _label(store, folder, claim, model(claim.digest), ledger, _checks(lease_keeper, ledger, stopping))
        except StaleAttempt:
            return None
        except StoreUnavailable as error:  # the lease expires, and another attempt continues the job
            logger.warning("job %s: %s", claim.id, error.found)
            return None
        except Stopped:
            with contextlib.suppress(StaleAttempt, StoreUnavailable):
                store.release(claim)
            return None
        except GlossatorError as error:
            failure = error
        except MemoryError:
            failure = JobError(
                "the job needs more memory than its worker may use",
                hint="Ask the operator to raise GLOSSATOR_JOB_MEMORY_MB, or split the file.",
            )
        except Exception as error:
            places = " > ".join(
                f"{f.name} ({f.filename}:{f.lineno})" for f in traceback.extract_tb(error.__traceback__)
            )
            logger.error("job %s failed with %s at %s", claim.id, type(error).__name__, places)
            failure = JobError("the worker failed", hint="Retry the job. If it fails again, give the operator its id.")
        with contextlib.suppress(StaleAttempt, StoreUnavailable, NoRoom):
            return store.fail(claim, failure.to_dict())
        return None


def _label(
    store: Store, folder: JobFiles, claim: Job, model: Model, ledger: JobLedger, check: Callable[[], None]
) -> Job:
    job = make_labelling(claim)
    with contextlib.chdir(folder.job(claim.id)):  # error messages then contain no path of the server
        if hash_file(Path(job.source)) != claim.input_sha256:
            raise JobError("the uploaded file has changed on disk", found=claim.filename, hint="Upload it again.")
        compression.check_expansion(Path(job.source))
        use_batch_costs(model, claim.settings)
        with prepare(job, model) as prepared:
            one_at_a_time = claim.strikes > 0
            start: StartAnswers = _CheckedStart(prepared.start, check)
            if one_at_a_time:
                start = _RecordingStart(start, store, claim, ledger)
            destination = LedgerDestination(ledger, prepared.row_format)
            prepared.label_into(destination, start, ahead=0 if one_at_a_time else CHUNKS_AHEAD)
            check()
            return ledger.finish(prepared.row_format, prepared.codec, output_ending(options_of(claim), job.source))


def _checks(lease_keeper: _LeaseKeeper, ledger: JobLedger, stopping: Callable[[], bool]) -> Callable[[], None]:
    """Return the check that runs before each chunk."""

    def check() -> None:
        lease_keeper.progress(len(ledger.done))
        if stopping():
            raise Stopped

    return check


class _CheckedStart:
    """Starts answers after a check."""

    def __init__(self, start: StartAnswers, check: Callable[[], None]) -> None:
        self._start = start
        self._check = check

    def __call__(self, texts: Sequence[Text | InputError]) -> PendingAnswers:
        self._check()
        return self._start(texts)


class _RecordingStart:
    """Starts answers after recording the chunk; skips the chunk that ended too many attempts."""

    def __init__(self, start: StartAnswers, store: Store, claim: Job, ledger: JobLedger) -> None:
        self._start = start
        self._store = store
        self._claim = claim
        self._ledger = ledger
        self._given_up = None
        if claim.strikes >= STRIKES:
            if claim.suspect is None:
                raise JobError(
                    "the worker ended repeatedly before its first chunk",
                    found=f"{claim.strikes} attempts",
                    hint="Ask the operator to check the server's log and memory, then retry the job.",
                )
            self._given_up = claim.suspect

    def __call__(self, texts: Sequence[Text | InputError]) -> PendingAnswers:
        number = self._ledger.next
        if number == self._given_up:
            return _FailedChunk(texts)
        self._store.suspect(self._claim, number)
        return self._start(texts)


class _FailedChunk:
    """Errors instead of the answers to a chunk."""

    def __init__(self, texts: Sequence[Text | InputError]) -> None:
        self._texts = texts

    def result(self) -> list[Answer | InputError]:
        return [
            text
            if isinstance(text, InputError)
            else ChunkFailed(
                f"labelling these rows ended the worker {STRIKES} times",
                hint="Retry the job. If it fails again, send the rows one by one to find the faulty one.",
            )
            for text in self._texts
        ]


class _LeaseKeeper:
    """Renews the lease of a claim in a thread while the block runs."""

    def __init__(self, store: Store, claim: Job, lease: float, chunk_seconds: float) -> None:
        self._store = store
        self._claim = claim
        self._lease = lease
        self._limit = chunk_seconds
        self._done = -1
        self._since = time.monotonic()
        self._lost = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def progress(self, done: int) -> None:
        """Record the number of finished chunks. Raises StaleAttempt if the claim is lost."""
        if self._lost:
            raise StaleAttempt("the job was taken from this worker", found=self._claim.id)
        if done != self._done:
            self._done, self._since = done, time.monotonic()

    def __enter__(self) -> _LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._over.wait(self._lease / _RENEWALS):
            if time.monotonic() - self._since > self._limit:
                logger.error("job %s: no chunk in %.0f s, the worker ends", self._claim.id, self._limit)
                os._exit(1)  # the computing thread cannot be interrupted
            try:
                self._store.renew(self._claim, self._lease)
            except StaleAttempt:
                self._lost = True
                return
            except Exception as error:  # the database may be back before the lease expires
                logger.warning("job %s: the lease was not renewed: %s", self._claim.id, type(error).__name__)

"""One attempt at a job: labels its file chunk by chunk into its ledger while its claim is valid.

A chunk may crash its worker, exhaust its memory or hang. The next attempt then runs one chunk at a time and records
each before it starts. If the same chunk ends three attempts, its rows get an error and the job continues. An input that
ends three attempts while it is read fails the job: strikes are counted before it is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
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
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.job_options import make_labelling, options_of, output_ending
from glossator.service.jobs.private_files import is_same_file, open_private
from glossator.service.jobs.records import Job
from glossator.service.jobs.storage.store import Store
from glossator.service.jobs.workers.job_ledger import JobLedger
from glossator.service.jobs.workers.logged_answers import LoggedStart
from glossator.service.jobs.workers.time_slice import TimeSlice
from glossator.service.labelling.destination import LedgerDestination
from glossator.service.labelling.identity import use_batch_costs
from glossator.service.labelling.prepared_labelling import prepare
from glossator.service.labelling.row_labelling import CHUNKS_AHEAD, PendingAnswers, StartAnswers
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.tasks.encoded import Text

STRIKES = 3
"""Number of attempts that may end at one chunk before its rows get an error, or in reading before the job fails."""
MOST_LOSSES = 30
"""Number of attempts of a job that may end without reporting, in all: chunk after chunk may end its worker."""
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
    progress: Callable[[], None] = lambda: None,
    others_wait: Callable[[], bool] = lambda: False,
    log: PredictionLog | None = None,
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
        progress: Called after each step; a supervisor ends a worker that makes none.
        others_wait: Whether a job of another owner waits. The job then returns to the queue after its time slice.
        log: The prediction log, if answers are logged.
    """
    with _LeaseKeeper(store, claim, lease) as lease_keeper:
        try:
            _check_losses(claim)
            loaded = model(claim.digest)
            progress()
            ledger = JobLedger(store, folder, claim)
            time_slice = TimeSlice(others_wait, len(ledger.done))

            def check() -> None:
                """Run before each chunk."""
                lease_keeper.check()
                progress()
                if stopping() or time_slice.is_over(len(ledger.done)):
                    raise Stopped

            return _label(store, folder, claim, loaded, ledger, check, progress, log)
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


def _check_losses(claim: Job) -> None:
    """Raise JobError if too many attempts have ended without reporting."""
    if claim.losses >= MOST_LOSSES:
        message = "the job ended its worker too often"
    elif claim.strikes >= STRIKES and claim.suspect is None:
        message = f"the job ended its worker {claim.strikes} times before another chunk was finished"
    else:
        return
    raise JobError(
        message,
        found=f"{claim.losses} attempts; the last one: {claim.loss}",
        hint="Check the file: it may be damaged or made to be slow to read. Save it in another format, or split it.",
    )


def _label(
    store: Store,
    folder: JobFiles,
    claim: Job,
    model: Model,
    ledger: JobLedger,
    check: Callable[[], None],
    progress: Callable[[], None],
    log: PredictionLog | None,
) -> Job:
    job = make_labelling(claim)
    with folder.working_folder(claim.id):  # error messages then contain no path of the server
        unchanged = check_input(claim)
        compression.check_expansion(Path(job.source))
        progress()
        use_batch_costs(model, claim.settings)
        with prepare(job, model) as prepared:
            one_at_a_time = claim.strikes > 0
            start: StartAnswers = _CheckedStart(prepared.start, check)
            if log is not None:
                start = LoggedStart(start, log, claim, model.bundle)
            if one_at_a_time:
                start = _RecordingStart(start, store, claim, ledger)
            ledger.begin(prepared.row_format)
            destination = LedgerDestination(ledger, prepared.row_format)
            summary = prepared.label_into(destination, start, ahead=0 if one_at_a_time else CHUNKS_AHEAD)
            check()
            unchanged()
            if not summary.rows and claim.input_bytes and job.selection.share is None:
                raise _no_rows(claim)
            return ledger.finish(prepared.row_format, prepared.codec, output_ending(options_of(claim), job.source))


def check_input(claim: Job) -> Callable[[], None]:
    """Check the input in the working folder. Return a function that checks that it still is the same file.

    Raises JobError, as does the function, if the file is not the one that was uploaded.
    """
    with open(open_private(Path(), claim.input), "rb") as file:
        state = os.fstat(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()

    def check() -> None:
        if digest != claim.input_sha256 or not is_same_file(claim.input, state):
            raise JobError("the uploaded file has changed on disk", found=claim.filename, hint="Upload it again.")

    check()
    return check


def _no_rows(claim: Job) -> InputError:
    return InputError(
        "no rows were found in the file",
        found=f"{claim.filename}, {claim.input_bytes:,} bytes",
        expected="at least one row",
        hint="Check the file, and the options input_format, header and sheet.",
    )


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

    def __init__(self, store: Store, claim: Job, lease: float) -> None:
        self._store = store
        self._claim = claim
        self._lease = lease
        self._lost = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def check(self) -> None:
        """Raise StaleAttempt if the claim is lost."""
        if self._lost:
            raise StaleAttempt("the job was taken from this worker", found=self._claim.id)

    def __enter__(self) -> _LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._over.wait(self._lease / _RENEWALS):
            try:
                self._store.renew(self._claim, self._lease)
            except StaleAttempt:
                self._lost = True
                return
            except Exception as error:  # the database may be back before the lease expires
                logger.warning("job %s: the lease was not renewed: %s", self._claim.id, type(error).__name__)

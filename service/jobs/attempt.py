"""One attempt at a job: its file labelled chunk by chunk into its ledger, while its claim is held.

A chunk that ends its worker (a crash, memory, a hang) leaves no word of itself. After such an end the next attempt
takes one chunk at a time and notes each before it begins; where the same chunk has ended three attempts, its rows
become rows with an error, and the job goes on.
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
from glossator.service.jobs.job_files import Folder
from glossator.service.jobs.job_ledger import JobLedger
from glossator.service.jobs.job_options import labelling_of, options_of, output_ending
from glossator.service.jobs.records import Job
from glossator.service.jobs.store import Store
from glossator.service.labelling.destination import LedgerDestination
from glossator.service.labelling.identity import use_batch_costs
from glossator.service.labelling.prepared_labelling import prepare
from glossator.service.labelling.row_labelling import CHUNKS_AHEAD, PendingAnswers, StartAnswers
from glossator.service.tasks.encoded import Text

STRIKES = 3
"""Attempts that a chunk may end before its rows are given up."""
_RENEWALS = 3
"""Within the time of one lease."""

logger = logging.getLogger("glossator.service.jobs")


class Stopped(Exception):
    """The worker is to end: the job is given back at the next chunk."""


def attempt(
    store: Store,
    folder: Folder,
    claim: Job,
    model: Callable[[str], Model],
    *,
    lease: float,
    stopping: Callable[[], bool] = lambda: False,
    chunk_seconds: float = float("inf"),
) -> Job | None:
    """Works at a claimed job until it ends; the job as it then is, None where it was taken away or given back.

    `model` gives the model of a digest. Errors that are ours end the job as `failed`, with what was done kept; so does
    a want of memory. Where no chunk is entered for `chunk_seconds` the process ends: nothing else ends a computation
    that hangs.
    """
    with _Held(store, claim, lease, chunk_seconds) as held:
        try:
            ledger = JobLedger(store, folder, claim)
            return _label(store, folder, claim, model(claim.digest), ledger, _checks(held, ledger, stopping))
        except StaleAttempt:
            return None
        except StoreUnavailable as error:  # nothing can be told: the lease passes, and the job is gone on with
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
                "the job needs more memory than its worker may have",
                hint="Ask the operator for more (GLOSSATOR_JOB_MEMORY_MB), or send the file in parts.",
            )
        except Exception as error:
            places = " > ".join(
                f"{f.name} ({f.filename}:{f.lineno})" for f in traceback.extract_tb(error.__traceback__)
            )
            logger.error("job %s failed with %s at %s", claim.id, type(error).__name__, places)
            failure = JobError("the worker failed", hint="Retry the job; if it stays, tell the operator its id.")
        with contextlib.suppress(StaleAttempt, StoreUnavailable, NoRoom):
            return store.fail(claim, failure.to_dict())
        return None


def _label(store: Store, folder: Folder, claim: Job, model: Model, ledger: JobLedger, check: Callable[[], None]) -> Job:
    job = labelling_of(claim)
    with contextlib.chdir(folder.job(claim.id)):  # messages that quote a path then quote no place of the server
        if hash_file(Path(job.source)) != claim.input_sha256:
            raise JobError("the file is not as it was uploaded", found=claim.filename, hint="Send it again.")
        compression.check_expansion(Path(job.source))
        use_batch_costs(model, claim.settings)
        with prepare(job, model) as prepared:
            careful = claim.strikes > 0
            start: StartAnswers = _Checked(prepared.start, check)
            if careful:
                start = _Careful(start, store, claim, ledger)
            destination = LedgerDestination(ledger, prepared.row_format)
            prepared.label_into(destination, start, ahead=0 if careful else CHUNKS_AHEAD)
            check()
            return ledger.finish(prepared.row_format, prepared.codec, output_ending(options_of(claim), job.source))


def _checks(held: _Held, ledger: JobLedger, stopping: Callable[[], bool]) -> Callable[[], None]:
    """What is asked before each chunk."""

    def check() -> None:
        held.progress(len(ledger.done))
        if stopping():
            raise Stopped

    return check


class _Checked:
    """A start that asks first whether to go on."""

    def __init__(self, start: StartAnswers, check: Callable[[], None]) -> None:
        self._start = start
        self._check = check

    def __call__(self, texts: Sequence[Text | InputError]) -> PendingAnswers:
        self._check()
        return self._start(texts)


class _Careful:
    """A start that notes each chunk before it begins it, and gives up the one that has ended too many attempts."""

    def __init__(self, start: StartAnswers, store: Store, claim: Job, ledger: JobLedger) -> None:
        self._start = start
        self._store = store
        self._claim = claim
        self._ledger = ledger
        self._given_up = None
        if claim.strikes >= STRIKES:
            if claim.suspect is None:
                raise JobError(
                    "the worker ended again and again before it had begun", found=f"{claim.strikes} attempts",
                    hint="Ask the operator to look at the server's log and its memory, then retry the job.",
                )  # fmt: skip
            self._given_up = claim.suspect

    def __call__(self, texts: Sequence[Text | InputError]) -> PendingAnswers:
        number = self._ledger.next
        if number == self._given_up:
            return _GivenUp(texts)
        self._store.suspect(self._claim, number)
        return self._start(texts)


class _GivenUp:
    """Errors in the place of the answers of a chunk."""

    def __init__(self, texts: Sequence[Text | InputError]) -> None:
        self._texts = texts

    def result(self) -> list[Answer | InputError]:
        return [
            text
            if isinstance(text, InputError)
            else ChunkFailed(
                f"labelling these rows ended the worker {STRIKES} times",
                hint="Retry the job; if it stays, send its rows one by one to find the one at fault.",
            )
            for text in self._texts
        ]


class _Held:
    """Keeps a claim while the block runs: a thread renews its lease."""

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
        """Hears how many chunks are done; raises StaleAttempt where the claim is lost."""
        if self._lost:
            raise StaleAttempt("the job is no longer this worker's", found=self._claim.id)
        if done != self._done:
            self._done, self._since = done, time.monotonic()

    def __enter__(self) -> _Held:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._over.wait(self._lease / _RENEWALS):
            if time.monotonic() - self._since > self._limit:
                logger.error("job %s: no chunk in %.0f s, the worker ends", self._claim.id, self._limit)
                os._exit(1)  # the thread that computes cannot be stopped
            try:
                self._store.renew(self._claim, self._lease)
            except StaleAttempt:
                self._lost = True
                return
            except Exception as error:  # a database that is away for a moment: the lease may yet hold
                logger.warning("job %s: the lease was not renewed: %s", self._claim.id, type(error).__name__)

"""The supervisor of job workers: starts and replaces them, ends those that hang, sends webhooks, removes old files.

It runs outside the workers. A worker that hangs in the parser of a file, or in native code, cannot end itself; the
supervisor kills it when its job is cancelled, makes no progress, or takes too long.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from glossator.service.errors import JobError, StaleAttempt
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.storage.open_store import DATABASE
from glossator.service.jobs.storage.store import Store
from glossator.service.jobs.webhooks.addresses import Network
from glossator.service.jobs.webhooks.sender import WebhookSender
from glossator.service.jobs.workers.worker import LEASE_SECONDS, MEMORY_MB
from glossator.service.jobs.workers.worker_process import AttemptLimits, WorkerProcess
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.supervision import QUICK_EXIT_SECONDS, RestartBackoff, end_processes

TICK_SECONDS = 0.5
CLEAN_UP_SECONDS = 300.0
IDLE_SECONDS = 120.0
"""A worker that has no job for this long ends, which frees its memory."""
GRACE_SECONDS = 30.0
FIRST_WAIT_SECONDS = 1.0
MAX_WAIT_SECONDS = 60.0

logger = logging.getLogger("glossator.service.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlan:
    """How workers are started, and when they are ended."""

    bundles: Sequence[Path]
    workers: int = 1
    threads: int | None = None
    lease: float = LEASE_SECONDS
    memory_mb: int = MEMORY_MB
    database: str | None = field(default=None, repr=False)
    free_bytes: int = 1 << 30
    limits: AttemptLimits = field(default_factory=AttemptLimits)
    idle: float = IDLE_SECONDS
    webhook_key: bytes | None = field(default=None, repr=False)
    webhook_networks: Sequence[Network] = ()
    log: LogSettings | None = None
    program: Sequence[str] = (sys.executable, "-P", "-m", "glossator.service.jobs.workers.worker")


class WorkerSupervisor:
    """Worker processes, and threads that supervise them and send webhooks. `close` ends all.

    A worker that is ended returns its job at the next chunk.
    """

    def __init__(self, store: Store, folder: JobFiles, digests: Sequence[str], plan: WorkerPlan) -> None:
        self._store = store
        self._folder = folder
        self._digests = list(digests)
        self._plan = plan
        self._closed = threading.Event()
        self._wake = threading.Event()
        self._workers: dict[str, WorkerProcess] = {}
        self._cleaned_up_at = 0.0
        self._started_at = 0.0
        self._busy_at = time.monotonic()
        self._finished = 0
        self._backoff = RestartBackoff(first_seconds=FIRST_WAIT_SECONDS, max_seconds=MAX_WAIT_SECONDS)
        self._thread = threading.Thread(target=self._supervise, name="workers", daemon=True)
        key = plan.webhook_key
        self._sender = None if key is None else WebhookSender(store.webhooks, key, networks=plan.webhook_networks)

    def start(self) -> None:
        """Start the threads. Jobs that an earlier server left unfinished continue."""
        self._thread.start()
        if self._sender is not None:
            self._sender.start()

    def close(self) -> None:
        """End the threads and the workers; workers that take longer than GRACE_SECONDS are killed."""
        self._closed.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._sender is not None:
            self._sender.close()
        end_processes([worker.process for worker in self._workers.values()], GRACE_SECONDS)
        for name, worker in self._workers.items():
            self._forget(name, worker)
        self._workers.clear()

    def set_bundles(self, bundles: Sequence[Path], digests: Sequence[str]) -> None:
        """Replace the bundles. Running workers end at their next chunk; new workers continue their jobs."""
        self._plan = replace(self._plan, bundles=bundles)
        self._digests = list(digests)
        for worker in list(self._workers.values()):
            worker.process.terminate()
        self._wake.set()

    def wake(self) -> None:
        """Check at once whether a job waits."""
        self._wake.set()

    @property
    def processes(self) -> dict[str, int]:
        """Name to process id of each running worker."""
        return {name: worker.process.pid for name, worker in list(self._workers.items())}

    @property
    def finished(self) -> int:
        """Number of jobs that the workers ended."""
        return self._finished + sum(worker.finished for worker in list(self._workers.values()))

    @property
    def idle_seconds(self) -> float:
        """How long no job waited or ran."""
        return time.monotonic() - self._busy_at

    def _supervise(self) -> None:
        while not self._closed.is_set():
            try:
                self._tick()
            except Exception as error:  # for example a database that is down: try again
                logger.warning("jobs: %s", type(error).__name__)
            self._wake.wait(TICK_SECONDS)
            self._wake.clear()

    def _tick(self) -> None:
        for name, worker in list(self._workers.items()):
            has_ended = worker.process.poll() is not None
            worker.read_reports()
            if has_ended:
                del self._workers[name]
                self._record_exit(name, worker)
                self._forget(name, worker)
            else:
                self._end_if_overdue(name, worker)
        waiting = self._store.waiting(self._digests)
        if waiting or any(worker.attempt is not None for worker in self._workers.values()):
            self._busy_at = time.monotonic()
        if waiting and len(self._workers) < self._plan.workers and self._backoff.may_start():
            self._spawn()
        if time.monotonic() - self._cleaned_up_at > CLEAN_UP_SECONDS or not self._cleaned_up_at:
            self._clean_up()
            self._cleaned_up_at = time.monotonic()

    def _end_if_overdue(self, name: str, worker: WorkerProcess) -> None:
        attempt = worker.attempt
        if attempt is None:
            return
        overdue = worker.overdue(self._plan.limits, holds=self._store.holds(attempt))
        if overdue is None:
            return
        logger.warning("worker %s is killed: %s (job %s)", name, overdue.reason, attempt.id)
        if overdue.is_final:
            error = JobError(
                "the job took too long",
                found=overdue.reason,
                expected=f"at most {self._plan.limits.total:,.0f} s for an attempt",
                hint="Retry the job: finished chunks are kept. Or split the file, or ask the operator to raise "
                "GLOSSATOR_JOB_TOTAL_SECONDS.",
            )
            with contextlib.suppress(StaleAttempt):
                self._store.fail(attempt, error.to_dict())
        worker.kill(overdue.reason)

    def _record_exit(self, name: str, worker: WorkerProcess) -> None:
        if worker.process.returncode == 0:
            self._backoff.reset()
            return
        was_interrupted = worker.process.returncode == -signal.SIGINT  # Ctrl-C reaches a worker that still starts, too
        if worker.ended_for is None and not was_interrupted:
            logger.warning("worker %s ended: %s", name, worker.exit_reason())
        # A worker that had begun an attempt could start: its job is at fault, and others must not wait for it.
        could_start = worker.was_busy
        self._backoff.record_exit(quick=not could_start and time.monotonic() - self._started_at < QUICK_EXIT_SECONDS)

    def _forget(self, name: str, worker: WorkerProcess) -> None:
        """Close the pipes of a worker that has ended, and return a job that it left."""
        worker.read_reports()
        self._finished += worker.finished
        reason = worker.exit_reason()
        worker.close()
        if self._store.lapse(name, reason):
            logger.warning("worker %s left a job unfinished: another worker continues it", name)

    def _spawn(self) -> None:
        self._started_at = time.monotonic()
        name = f"{os.uname().nodename}-{secrets.token_hex(6)}"
        plan = self._plan
        environment = os.environ | ({} if plan.database is None else {DATABASE: plan.database})
        threads = [] if plan.threads is None else ["--threads", str(plan.threads)]
        arguments = [
            "--jobs",
            str(self._folder.root),
            "--worker",
            name,
            "--lease",
            str(plan.lease),
            "--memory-mb",
            str(plan.memory_mb),
            "--idle",
            str(plan.idle),
            "--free-bytes",
            str(plan.free_bytes),
            "--supervised",
            *threads,
            *([] if plan.log is None else ["--log", plan.log.model_dump_json()]),
            *(str(bundle.absolute()) for bundle in plan.bundles),
        ]
        process = subprocess.Popen(
            [*plan.program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            process_group=0,  # Ctrl-C in a terminal reaches the server alone, which then ends its workers
        )
        self._workers[name] = WorkerProcess(process)

    def _clean_up(self) -> None:
        jobs, files = self._store.expire()
        for each in (*jobs, *files):
            self._folder.remove(each)
        self._folder.sweep(self._store.known)

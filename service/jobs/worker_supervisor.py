"""The supervisor of job workers in a server: starts and replaces them, sends webhooks, removes expired files."""

from __future__ import annotations

import logging
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from glossator.service.jobs import webhook
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.open_store import DATABASE
from glossator.service.jobs.store import Store
from glossator.service.jobs.worker import LEASE_SECONDS, MEMORY_MB
from glossator.service.supervision import QUICK_EXIT_SECONDS, RestartBackoff, close_stdin, end_processes

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
    """How workers are started."""

    bundles: Sequence[Path]
    workers: int = 1
    threads: int | None = None
    lease: float = LEASE_SECONDS
    memory_mb: int = MEMORY_MB
    database: str | None = field(default=None, repr=False)
    free_bytes: int = 1 << 30
    webhook_key: bytes | None = field(default=None, repr=False)


class WorkerSupervisor:
    """Worker processes, and one or two threads that supervise them. `close` ends all.

    A worker that is ended returns its job at the next chunk.
    """

    def __init__(self, store: Store, folder: JobFiles, digests: Sequence[str], plan: WorkerPlan) -> None:
        self._store = store
        self._folder = folder
        self._digests = list(digests)
        self._plan = plan
        self._closed = threading.Event()
        self._wake = threading.Event()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._cleaned_up_at = 0.0
        self._started_at = 0.0
        self._backoff = RestartBackoff(first_seconds=FIRST_WAIT_SECONDS, max_seconds=MAX_WAIT_SECONDS)
        ticks = [self._tick] if plan.webhook_key is None else [self._tick, self._send_webhook]
        self._threads = [
            threading.Thread(target=self._repeat, args=(tick,), name=tick.__name__, daemon=True) for tick in ticks
        ]

    def start(self) -> None:
        """Start the threads. Jobs that an earlier server left unfinished continue."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the threads and the workers; workers that take longer than GRACE_SECONDS are killed."""
        self._closed.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()
        end_processes(self._processes.values(), GRACE_SECONDS)
        for name in self._processes:
            self._store.lapse(name)
        self._processes.clear()

    def set_bundles(self, bundles: Sequence[Path], digests: Sequence[str]) -> None:
        """Replace the bundles. Running workers end at their next chunk; new workers continue their jobs."""
        self._plan = replace(self._plan, bundles=bundles)
        self._digests = list(digests)
        for process in list(self._processes.values()):
            process.terminate()
        self._wake.set()

    def wake(self) -> None:
        """Check at once whether a job waits."""
        self._wake.set()

    @property
    def processes(self) -> dict[str, int]:
        """Name to process id of each running worker."""
        return {name: process.pid for name, process in list(self._processes.items())}

    def _repeat(self, tick: Callable[[], bool]) -> None:
        """Call `tick` until `close`; without a pause while it returns that there is more to do."""
        while not self._closed.is_set():
            try:
                more = tick()
            except Exception as error:  # for example a database that is down: try again
                logger.warning("jobs: %s: %s", tick.__name__, type(error).__name__)
                more = False
            if not more:
                self._wake.wait(TICK_SECONDS)
                if tick == self._tick:
                    self._wake.clear()

    def _tick(self) -> bool:
        for name, process in list(self._processes.items()):
            if process.poll() is not None:
                del self._processes[name]
                close_stdin(process)
                self._record_exit(name, process.returncode)
                if self._store.lapse(name):
                    logger.warning("worker %s left a job unfinished: another worker continues it", name)
        waiting = self._store.waiting(self._digests)
        if waiting and len(self._processes) < self._plan.workers and self._backoff.may_start():
            self._spawn()
        if time.monotonic() - self._cleaned_up_at > CLEAN_UP_SECONDS or not self._cleaned_up_at:
            self._clean_up()
            self._cleaned_up_at = time.monotonic()
        return False

    def _record_exit(self, name: str, code: int) -> None:
        if code == 0:
            self._backoff.reset()
            return
        logger.warning("worker %s ended with exit code %d", name, code)
        self._backoff.record_exit(quick=time.monotonic() - self._started_at < QUICK_EXIT_SECONDS)

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
            str(IDLE_SECONDS),
            "--free-bytes",
            str(plan.free_bytes),
            "--supervised",
            *threads,
            *(str(bundle.absolute()) for bundle in plan.bundles),
        ]
        self._processes[name] = subprocess.Popen(
            [sys.executable, "-m", "glossator.service.jobs.worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=environment,
        )

    def _clean_up(self) -> None:
        jobs, files = self._store.expire()
        for each in (*jobs, *files):
            self._folder.remove(each)
        self._folder.sweep(self._store.known)

    def _send_webhook(self) -> bool:
        """Deliver one webhook that is due. Returns whether there was one."""
        key = self._plan.webhook_key
        delivery = self._store.due(patience=60.0)
        if delivery is None or key is None:
            return False
        status = webhook.deliver(delivery.job, key)
        done = status is not None and 200 <= status < 300
        if not done:
            logger.warning("webhook of job %s: %s", delivery.job.id, "no answer" if status is None else status)
        gone = done or status == 410 or delivery.tries + 1 >= webhook.TRIES
        self._store.later(delivery.job.id, None if gone else webhook.wait(delivery.tries))
        return True

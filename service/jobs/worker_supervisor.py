"""Beside a server: starts workers when jobs wait, replaces those that died, tells webhooks, and tidies up."""

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
from glossator.service.jobs.job_files import Folder
from glossator.service.jobs.open_store import DATABASE
from glossator.service.jobs.store import Store
from glossator.service.jobs.worker import LEASE_SECONDS, MEMORY_MB

TICK_SECONDS = 0.5
TIDY_SECONDS = 300.0
IDLE_SECONDS = 120.0
"""A worker with nothing to do gives its memory back."""
GRACE_SECONDS = 30.0
QUICK_SECONDS = 5.0
"""A worker that fails sooner after its start would fail again: the next one waits, longer each time."""
MOST_WAIT_SECONDS = 60.0

logger = logging.getLogger("glossator.service.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How workers are run."""

    bundles: Sequence[Path]
    workers: int = 1
    threads: int | None = None
    lease: float = LEASE_SECONDS
    memory_mb: int = MEMORY_MB
    database: str | None = field(default=None, repr=False)
    free_bytes: int = 1 << 30
    webhook_key: bytes | None = field(default=None, repr=False)


class Keeper:
    """Two threads of the server, and the worker processes that they start. `close` ends them: a worker gives its job
    back at the next chunk."""

    def __init__(self, store: Store, folder: Folder, digests: Sequence[str], plan: Plan) -> None:
        self._store = store
        self._folder = folder
        self._digests = list(digests)
        self._plan = plan
        self._over = threading.Event()
        self._wake = threading.Event()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._tidied = 0.0
        self._started = self._not_before = 0.0
        self._failures = 0
        """Workers that failed soon after their start, one after another."""
        ticks = [self._tick] if plan.webhook_key is None else [self._tick, self._tell]
        self._threads = [
            threading.Thread(target=self._repeat, args=(tick,), name=tick.__name__, daemon=True) for tick in ticks
        ]

    def start(self) -> None:
        """Begins; jobs that an earlier server left are gone on with."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends the workers, by force where they take longer than GRACE_SECONDS."""
        self._over.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()
        for process in self._processes.values():
            process.terminate()
        until = time.monotonic() + GRACE_SECONDS
        for name, process in self._processes.items():
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._store.lapse(name)
            _shut(process)
        self._processes.clear()

    def offer(self, bundles: Sequence[Path], digests: Sequence[str]) -> None:
        """Has workers know these bundles from now on. Those that run end at their next chunk, and others go on."""
        self._plan = replace(self._plan, bundles=bundles)
        self._digests = list(digests)
        for process in list(self._processes.values()):
            process.terminate()
        self._wake.set()

    def wake(self) -> None:
        """Looks at once whether a job waits."""
        self._wake.set()

    @property
    def processes(self) -> dict[str, int]:
        """The workers that run: their names and process ids."""
        return {name: process.pid for name, process in list(self._processes.items())}

    def _repeat(self, tick: Callable[[], bool]) -> None:
        """Runs a tick again and again, at once where it says that there is more to do."""
        while not self._over.is_set():
            try:
                more = tick()
            except Exception as error:  # a database that is away; it comes back
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
                _shut(process)
                self._judge(name, process.returncode)
                if self._store.lapse(name):
                    logger.warning("worker %s left a job, which goes on with another", name)
        waiting = self._store.waiting(self._digests)
        if waiting and len(self._processes) < self._plan.workers and time.monotonic() >= self._not_before:
            self._spawn()
        if time.monotonic() - self._tidied > TIDY_SECONDS or not self._tidied:
            self._tidy()
            self._tidied = time.monotonic()
        return False

    def _judge(self, name: str, code: int) -> None:
        """Decides by how a worker ended when the next may be started."""
        if not code:
            self._failures = 0
            return
        logger.warning("worker %s ended with %d", name, code)
        now = time.monotonic()
        self._failures = self._failures + 1 if now - self._started < QUICK_SECONDS else 0
        self._not_before = now + (min(MOST_WAIT_SECONDS, 2.0 ** (self._failures - 1)) if self._failures else 0.0)

    def _spawn(self) -> None:
        self._started = time.monotonic()
        name = f"{os.uname().nodename}-{secrets.token_hex(6)}"
        plan = self._plan
        environment = os.environ | ({} if plan.database is None else {DATABASE: plan.database})
        threads = [] if plan.threads is None else ["--threads", str(plan.threads)]
        arguments = [
            "--jobs", str(self._folder.root), "--worker", name, "--lease", str(plan.lease), "--memory-mb",
            str(plan.memory_mb), "--idle", str(IDLE_SECONDS), "--free-bytes", str(plan.free_bytes), "--supervised",
            *threads, *(str(bundle.absolute()) for bundle in plan.bundles),
        ]  # fmt: skip
        self._processes[name] = subprocess.Popen(
            [sys.executable, "-m", "glossator.service.jobs.worker", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment,
        )  # fmt: skip

    def _tidy(self) -> None:
        jobs, files = self._store.expire()
        for each in (*jobs, *files):
            self._folder.remove(each)
        self._folder.sweep(self._store.known)

    def _tell(self) -> bool:
        """Delivers a webhook that is due."""
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


def _shut(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()

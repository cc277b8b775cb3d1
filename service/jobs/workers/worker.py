"""A process that runs jobs one after another, separate from the server and with its own limits.

    python -m glossator.service.jobs.workers.worker --jobs FOLDER [options] BUNDLE...

The database URL comes from GLOSSATOR_JOB_DATABASE, because other users can read arguments. The process runs at idle
priority with limited memory. It ends on SIGTERM, when its standard input is closed (with --supervised), or after --idle
seconds without a job. With --supervised, it writes reports of its attempts to standard output (`worker_reports`).
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from glossator.service.bundle.reader import read_bundle
from glossator.service.errors import BundleError, GlossatorError, NoRoom, StoreUnavailable
from glossator.service.inference.model import Model, load
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.storage.open_store import DATABASE, open_store
from glossator.service.jobs.storage.store import Store
from glossator.service.jobs.workers.attempt import attempt
from glossator.service.jobs.workers.worker_reports import Reports
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.stop_signals import stop_signals
from glossator.service.supervision import wait_for_parent_exit

POLL_SECONDS = 0.5
LEASE_SECONDS = 60.0
MEMORY_MB = 4_096

logger = logging.getLogger("glossator.service.jobs")


class ModelCache:
    """The models of some bundle folders by digest, loaded on demand; the last one is kept."""

    def __init__(self, bundles: Iterable[Path], *, threads: int | None = None) -> None:
        self._folders = {read_bundle(folder).digest: folder.absolute() for folder in bundles}
        self._threads = threads
        self._loaded: tuple[str, Model] | None = None

    @property
    def digests(self) -> list[str]:
        return list(self._folders)

    def __call__(self, digest: str) -> Model:
        """Return the model with a digest. Raises BundleError if its folder has changed."""
        if self._loaded is None or self._loaded[0] != digest:
            self._loaded = None
            self._loaded = digest, load(self._folders[digest], threads=self._threads)
        return self._loaded[1]


def worker_name() -> str:
    """Return a unique name for this process."""
    return f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(4)}"


def run_jobs(
    store: Store,
    folder: JobFiles,
    models: ModelCache,
    *,
    worker: str,
    lease: float = LEASE_SECONDS,
    idle: float = float("inf"),
    stopping: threading.Event | None = None,
    reports: Reports | None = None,
    log: PredictionLog | None = None,
) -> int:
    """Run jobs until `stopping` is set or none came for `idle` seconds. Return how many ended."""
    stop = stopping or threading.Event()
    reports = reports or Reports()
    ended, waited = 0, 0.0
    while not stop.is_set() and waited <= idle:
        try:
            claim = store.claim(worker, models.digests, lease)
        except (StoreUnavailable, NoRoom) as error:
            logger.warning("cannot claim a job: %s", error.found)
            claim = None
        if claim is None:
            stop.wait(POLL_SECONDS)
            waited += POLL_SECONDS
            continue
        waited = 0.0
        reports.begin(claim.id, claim.attempt)
        done = attempt(
            store,
            folder,
            claim,
            models,
            lease=lease,
            stopping=stop.is_set,
            progress=reports.progress,
            others_wait=partial(store.others_wait, claim.owner, models.digests),
            log=log,
        )
        reports.end(finished=done is not None)
        ended += done is not None
    return ended


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m glossator.service.jobs.workers.worker", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--jobs", type=Path, required=True)
    parser.add_argument("--worker", default=worker_name())
    parser.add_argument("--lease", type=float, default=LEASE_SECONDS)
    parser.add_argument("--idle", type=float, default=float("inf"))
    parser.add_argument("--memory-mb", type=int, default=MEMORY_MB)
    parser.add_argument("--free-bytes", type=int, default=1 << 30)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--log", type=LogSettings.model_validate_json, help="settings of the prediction log, as JSON")
    parser.add_argument("--supervised", action="store_true", help="end when standard input is closed")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    reports = Reports(_take_standard_output() if options.supervised else None)
    stopping = threading.Event()
    for kind in stop_signals():
        signal.signal(kind, lambda *_: stopping.set())
    if options.supervised:
        threading.Thread(target=_stop_with_parent, args=(stopping,), daemon=True).start()
    limit_resources(options.memory_mb)
    try:
        store = open_store(options.jobs, os.environ.get(DATABASE))
        folder = JobFiles(options.jobs, free_bytes=options.free_bytes)
        models = ModelCache(options.bundles, threads=options.threads)
        log = None if options.log is None else PredictionLog(options.log)
        if log is not None:
            log.start()
        run_jobs(
            store,
            folder,
            models,
            worker=options.worker,
            lease=options.lease,
            idle=options.idle,
            stopping=stopping,
            reports=reports,
            log=log,
        )
        if log is not None:
            log.close()
        store.close()
    except GlossatorError as error:
        logger.error("the worker ends: %s", error)
        return 2 if isinstance(error, BundleError) else 1
    return 0


def limit_resources(memory_mb: int) -> None:
    """Limit the memory of this process and set idle CPU priority, where the system supports it."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        size = memory_mb << 20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _take_standard_output() -> int:
    """Return a descriptor of standard output that nothing else writes to; what is printed then goes nowhere."""
    descriptor = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return descriptor


def _stop_with_parent(stopping: threading.Event) -> None:
    wait_for_parent_exit()
    stopping.set()


if __name__ == "__main__":
    sys.exit(main())

"""`glossator work`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support.command import PREFIX
from glossator.cli.support.console import OK, Quiet, Threads, stderr


def work(
    bundles: Annotated[list[Path], typer.Argument(help="Bundle folders; jobs of other models are left to others.")],
    jobs: Annotated[
        Path, typer.Option(envvar=f"{PREFIX}JOBS", help="Folder of the jobs, as given to glossator serve.")
    ],
    threads: Threads = None,
    idle: Annotated[float | None, typer.Option(min=0.0, help="Exit after this many seconds without a job.")] = None,
    quiet: Quiet = False,
) -> int:
    """Run jobs of a server, on this machine or another.

    A server runs its jobs itself; this command adds worker processes (GLOSSATOR_JOB_WORKERS, 1) with the same limits.
    On another machine the folder must be a shared one, and GLOSSATOR_JOB_DATABASE must name the server's PostgreSQL.
    Ends on Ctrl-C or SIGTERM: an unfinished job goes back into the queue, and another worker resumes it after its
    finished chunks.

    \b
    Example:
      glossator work models/tickets --jobs /mnt/jobs
    """
    import os
    import signal
    import threading

    from glossator.service.api.settings import Settings
    from glossator.service.jobs.job_files import JobFiles
    from glossator.service.jobs.storage.open_store import open_store
    from glossator.service.jobs.workers.worker import ModelCache
    from glossator.service.jobs.workers.worker_process import AttemptLimits
    from glossator.service.jobs.workers.worker_supervisor import TICK_SECONDS, WorkerPlan, WorkerSupervisor
    from glossator.service.stop_signals import stop_signals

    settings = Settings(jobs=jobs)
    database = None if settings.job_database is None else settings.job_database.get_secret_value()
    digests = ModelCache(bundles).digests
    store = open_store(jobs, database)
    files = JobFiles(jobs, free_bytes=settings.free_disk_bytes)
    plan = WorkerPlan(
        bundles=bundles,
        workers=settings.job_workers,
        threads=threads,
        lease=settings.job_lease_seconds,
        memory_mb=settings.job_memory_mb,
        database=database,
        free_bytes=settings.free_disk_bytes,
        limits=AttemptLimits(stall=settings.job_stall_seconds, total=settings.job_total_seconds),
    )
    stopping = threading.Event()
    previous = {number: signal.signal(number, lambda *_: stopping.set()) for number in stop_signals()}
    console = stderr(quiet=quiet)
    console.print(f"· waiting for jobs of {len(digests)} models, process {os.getpid()}")
    supervisor = WorkerSupervisor(store, files, digests, plan)
    supervisor.start()
    # A worker that has just claimed a job reports it within a tick.
    longest = float("inf") if idle is None else idle + 2 * TICK_SECONDS
    while not stopping.wait(TICK_SECONDS) and supervisor.idle_seconds <= longest:
        pass
    supervisor.close()
    store.close()
    for number, handler in previous.items():
        signal.signal(number, handler)
    console.print(f"{supervisor.finished:,} jobs ended")
    return OK

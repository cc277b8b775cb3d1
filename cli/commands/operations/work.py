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

    A server runs its jobs itself; this command adds workers. On another machine the folder must be a shared one, and
    GLOSSATOR_JOB_DATABASE must name the server's PostgreSQL. Ends on Ctrl-C or SIGTERM: an unfinished job goes back
    into the queue, and another worker resumes it after its finished chunks.

    \b
    Example:
      glossator work models/tickets --jobs /mnt/jobs
    """
    import os
    import signal
    import threading

    from glossator.service.api.settings import Settings
    from glossator.service.jobs.job_files import JobFiles
    from glossator.service.jobs.open_store import open_store
    from glossator.service.jobs.worker import ModelCache, run_jobs, worker_name
    from glossator.service.stop_signals import stop_signals

    settings = Settings(jobs=jobs)
    database = settings.job_database
    models = ModelCache(bundles, threads=threads)
    store = open_store(jobs, None if database is None else database.get_secret_value())
    files = JobFiles(jobs, free_bytes=settings.free_disk_bytes)
    stopping = threading.Event()
    signals = stop_signals()
    previous = {number: signal.signal(number, lambda *_: stopping.set()) for number in signals}
    console = stderr(quiet=quiet)
    console.print(f"· waiting for jobs of {len(models.digests)} models, process {os.getpid()}")
    ended = run_jobs(
        store,
        files,
        models,
        worker=worker_name(),
        lease=settings.job_lease_seconds,
        idle=float("inf") if idle is None else idle,
        stopping=stopping,
    )
    store.close()
    for number, handler in previous.items():
        signal.signal(number, handler)
    console.print(f"{ended:,} jobs ended")
    return OK

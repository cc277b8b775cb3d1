"""`glossator work`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support.command import PREFIX
from glossator.cli.support.console import OK, Quiet, stderr


def work(
    bundles: Annotated[list[Path], typer.Argument(help="Bundle folders; jobs of other models are left to others.")],
    jobs: Annotated[
        Path, typer.Option(envvar=f"{PREFIX}JOBS", help="Folder of the jobs, the one that glossator serve was given.")
    ],
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; default: the CPUs allowed.")] = None,
    idle: Annotated[float | None, typer.Option(min=0.0, help="End when no job has come for so many seconds.")] = None,
    quiet: Quiet = False,
) -> int:
    """Work at the jobs of a server, on this machine or another.

    A server works at its jobs by itself; this adds workers. On another machine the folder is a shared one, and
    GLOSSATOR_JOB_DATABASE names the PostgreSQL of the server. Ends on Ctrl-C or SIGTERM: the job that is being done
    goes back, and another worker goes on after the chunks that are done.

    \b
    Example:
      glossator work models/tickets --jobs /mnt/jobs
    """
    import os
    import signal
    import threading

    from glossator.service.api.settings import Settings
    from glossator.service.jobs.job_files import Folder
    from glossator.service.jobs.open_store import store_of
    from glossator.service.jobs.worker import ModelCache, name_of_this, work_at

    settings = Settings(jobs=jobs)
    database = settings.job_database
    shelf = ModelCache(bundles, threads=threads)
    store = store_of(jobs, None if database is None else database.get_secret_value())
    folder = Folder(jobs, free_bytes=settings.free_disk_bytes)
    stopping = threading.Event()
    before = {
        kind: signal.signal(kind, lambda *_: stopping.set()) for kind in (signal.SIGTERM, signal.SIGINT)
    }  # fmt: skip
    console = stderr(quiet=quiet)
    console.print(f"· waiting for jobs of {len(shelf.digests)} models, process {os.getpid()}")
    ended = work_at(
        store, folder, shelf, worker=name_of_this(), lease=settings.job_lease_seconds,
        idle=float("inf") if idle is None else idle, stopping=stopping,
    )  # fmt: skip
    store.close()
    for kind, handler in before.items():
        signal.signal(kind, handler)
    console.print(f"{ended:,} jobs ended")
    return OK

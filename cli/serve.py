"""`glossator serve`"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import typer

from cli.command import PREFIX
from cli.console import OK, Device, Quiet, stderr


def serve(
    bundles: Annotated[list[Path], typer.Argument(help="Bundle folders; each is served under its own name.")],
    host: Annotated[
        str, typer.Option(envvar=f"{PREFIX}HOST", help="Address to bind; any but loopback needs a key.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar=f"{PREFIX}PORT", min=0, max=65535, help="Port to bind; 0 picks a free one.")
    ] = 8000,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads a model; default: the CPUs allowed.")] = None,
    device: Device = "cpu",
    jobs: Annotated[
        Path | None,
        typer.Option(
            envvar=f"{PREFIX}JOBS", help="Folder for files that are labelled in the background (POST /v1/jobs)."
        ),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Answer over HTTP. Bundles that do not verify are refused.

    The first time that a bundle is served on a machine, two seconds of measuring run beside the first requests; what
    they tell of good batches is kept (GLOSSATOR_CACHE_DIR).

    Runs until Ctrl-C or SIGTERM, and answers the requests that have begun before it ends. Keys come from
    GLOSSATOR_API_KEYS or from the file that GLOSSATOR_API_KEYS_FILE names, never from the command line.

    \b
    Example:
      glossator serve models/tickets --port 8000
    """
    from service.api.app import create_app
    from service.api.server import serve as run
    from service.api.settings import Settings
    from service.errors import ConfigError
    from service.inference.model import load

    console = stderr(quiet=quiet)
    settings = Settings(host=host, port=port, jobs=jobs)
    models = {}
    for folder in bundles:
        model = load(folder, threads=threads, device=device)
        if model.name in models:
            raise ConfigError("two bundles have the same name", found=model.name, way_out="Export one with --name.")
        models[model.name] = model
        console.print(f"· verified {model.version}, serving {model.bundle.manifest.served.precision}")

    if settings.jobs is not None:
        where = "SQLite" if settings.job_database is None else "PostgreSQL"
        console.print(f"· jobs in {settings.jobs}, {where}", markup=False)

    def ready(url: str) -> None:
        console.print(f"listening on {url}")
        fresh = [model for model in models.values() if not model.calibrated]
        threading.Thread(target=lambda: [model.calibrate() for model in fresh], daemon=True).start()

    run(create_app(models, settings), settings, on_ready=ready)
    return OK

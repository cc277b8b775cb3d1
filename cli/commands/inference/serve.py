"""`glossator serve`"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support.command import PREFIX
from glossator.cli.support.console import OK, Device, Quiet, Threads, stderr
from glossator.service.errors import ConfigError

if TYPE_CHECKING:
    from glossator.service.api.settings import Settings


def serve(
    bundles: Annotated[
        list[Path] | None, typer.Argument(help="Bundle folders; each is served under its own name.")
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(envvar=f"{PREFIX}MODELS", help="Registry to serve (see glossator models); changes apply at once."),
    ] = None,
    host: Annotated[
        str, typer.Option(envvar=f"{PREFIX}HOST", help="Address to listen on; all except loopback need an API key.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar=f"{PREFIX}PORT", min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8000,
    threads: Threads = None,
    replicas: Annotated[int, typer.Option(min=1, help="Server processes; one that dies is replaced.")] = 1,
    device: Device = "cpu",
    jobs: Annotated[
        Path | None,
        typer.Option(envvar=f"{PREFIX}JOBS", help="Folder for jobs: files labelled in the background (POST /v1/jobs)."),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Serve models over HTTP; refuses bundles that do not verify.

    When a bundle is served on a machine for the first time, the batch cost is measured for two seconds in parallel to
    the first requests, and stored in GLOSSATOR_CACHE_DIR.

    Runs until Ctrl-C or SIGTERM, and finishes started requests before it exits. API keys come from GLOSSATOR_API_KEYS,
    or from the file named by GLOSSATOR_API_KEYS_FILE or GLOSSATOR_KEY_FILE, never from the command line.

    \b
    Example:
      glossator serve models/tickets --port 8000
    """
    from glossator.service.api.app import create_app
    from glossator.service.api.replicas.replica_supervisor import is_replica
    from glossator.service.api.settings import Settings
    from glossator.service.api.transport.server import serve as run
    from glossator.service.api.transport.server import serve_replicas
    from glossator.service.inference.runtime.threads import available_cpus
    from glossator.workflows.models.serving import catalog_of_bundles, catalog_of_registry

    console = stderr(quiet=quiet)
    settings = Settings(host=host, port=port, jobs=jobs, models=models)
    if bool(bundles) == (models is not None):
        raise ConfigError(
            "it is not clear which models to serve",
            found="bundles and --models" if bundles else "neither bundles nor --models",
            expected="bundle folders, or --models FOLDER",
            hint="See `glossator serve --help`.",
        )
    if replicas > 1 and not is_replica():
        share = threads or max(1, available_cpus() // replicas)
        return serve_replicas(
            _replica_command(bundles or [], settings, share, device),
            settings,
            replicas,
            on_ready=lambda url: console.print(f"listening on {url}, {replicas} replicas"),
        )
    console = stderr(quiet=quiet or is_replica())
    if bundles:
        catalog = catalog_of_bundles(bundles, threads=threads, device=device)
    else:
        assert settings.models is not None
        catalog = catalog_of_registry(
            settings.models, memory_mb=settings.model_memory_mb, threads=threads, device=device
        )
    for _, model in catalog.loaded():
        console.print(f"· verified {model.version}, serving {model.bundle.manifest.served.precision}")

    if settings.jobs is not None:
        where = "SQLite" if settings.job_database is None else "PostgreSQL"
        console.print(f"· jobs in {settings.jobs}, {where}", markup=False)

    def ready(url: str) -> None:
        console.print(f"listening on {url}")
        fresh = [model for _, model in catalog.loaded() if not model.batch_cost_measured]
        threading.Thread(target=lambda: [model.measure_batch_cost() for model in fresh], daemon=True).start()

    run(create_app(catalog, settings), settings, on_ready=ready)
    return OK


def _replica_command(bundles: list[Path], settings: Settings, threads: int, device: Device) -> list[str]:
    """Return the command line of one replica; it reads the other settings from the environment."""
    options = ["--host", settings.host, "--port", str(settings.port), "--threads", str(threads), "--device", device]
    options += ["--models", str(settings.models)] if settings.models is not None else []
    options += ["--jobs", str(settings.jobs)] if settings.jobs is not None else []
    return [sys.executable, "-m", "glossator", "serve", *map(str, bundles), *options]

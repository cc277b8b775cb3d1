"""`glossator serve`"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support.command import PREFIX
from glossator.cli.support.console import OK, Device, Quiet, stderr

if TYPE_CHECKING:
    from glossator.service.api.model_catalog import ModelCatalog
    from glossator.service.api.settings import Settings


def serve(
    bundles: Annotated[
        list[Path] | None, typer.Argument(help="Bundle folders; each is served under its own name.")
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(envvar=f"{PREFIX}MODELS", help="Folder of models (glossator models), followed as it changes."),
    ] = None,
    host: Annotated[
        str, typer.Option(envvar=f"{PREFIX}HOST", help="Address to bind; any but loopback needs a key.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar=f"{PREFIX}PORT", min=0, max=65535, help="Port to bind; 0 picks a free one.")
    ] = 8000,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads a model; default: the CPUs allowed.")] = None,
    replicas: Annotated[int, typer.Option(min=1, help="Processes that answer; one that dies is replaced.")] = 1,
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
    from glossator.service.api.app import create_app
    from glossator.service.api.replicas.replica_supervisor import is_replica
    from glossator.service.api.settings import Settings
    from glossator.service.api.transport.server import serve as run
    from glossator.service.api.transport.server import serve_replicas
    from glossator.service.errors import ConfigError
    from glossator.service.inference.runtime.threads import available_cpus

    console = stderr(quiet=quiet)
    settings = Settings(host=host, port=port, jobs=jobs, models=models)
    if bool(bundles) == (models is not None):
        raise ConfigError(
            "which models are to be served is not clear", found="both" if bundles else "none",
            expected="bundle folders, or --models FOLDER", hint="See `glossator serve --help`.",
        )  # fmt: skip
    if replicas > 1 and not is_replica():
        share = threads or max(1, available_cpus() // replicas)
        return serve_replicas(
            _command(bundles or [], settings, share, device), settings, replicas,
            on_ready=lambda url: console.print(f"listening on {url}, {replicas} replicas"),
        )  # fmt: skip
    quiet = quiet or is_replica()
    console = stderr(quiet=quiet)
    served = _fixed(bundles, threads, device) if bundles else _followed(settings, threads, device)
    for _, model in served.loaded():
        console.print(f"· verified {model.version}, serving {model.bundle.manifest.served.precision}")

    if settings.jobs is not None:
        where = "SQLite" if settings.job_database is None else "PostgreSQL"
        console.print(f"· jobs in {settings.jobs}, {where}", markup=False)

    def ready(url: str) -> None:
        console.print(f"listening on {url}")
        fresh = [model for _, model in served.loaded() if not model.calibrated]
        threading.Thread(target=lambda: [model.calibrate() for model in fresh], daemon=True).start()

    run(create_app(served, settings), settings, on_ready=ready)
    return OK


def _fixed(bundles: list[Path], threads: int | None, device: Device) -> ModelCatalog:
    """The models of bundle folders."""
    from glossator.service.api.model_catalog import ModelCatalog
    from glossator.service.errors import ConfigError
    from glossator.service.inference.model import load
    from glossator.service.inference.runtime.sandboxed_load import try_first

    models = {}
    for folder in bundles:
        try_first(folder)
        model = load(folder, threads=threads, device=device)
        if model.name in models:
            raise ConfigError("two bundles have the same name", found=model.name, hint="Export one with --name.")
        models[model.name] = model
    return ModelCatalog(models)


def _followed(settings: Settings, threads: int | None, device: Device) -> ModelCatalog:
    """The models of a registry."""
    from glossator.service.api.registry_catalog import RegistryCatalog
    from glossator.service.errors import ConfigError
    from glossator.service.inference.model import Model, load
    from glossator.service.inference.runtime.sandboxed_load import try_first
    from glossator.service.registry import Registry

    def tried(folder: Path) -> Model:
        try_first(folder)
        return load(folder, threads=threads, device=device)

    assert settings.models is not None
    budget = settings.model_memory_mb
    found = RegistryCatalog(
        Registry(settings.models), load=tried, budget_bytes=None if budget is None else budget << 20
    )
    if not found.names:
        raise ConfigError(
            "the folder has no model to serve", found=settings.models, hint="Add one: glossator models add BUNDLE."
        )
    return found


def _command(bundles: list[Path], settings: Settings, threads: int, device: Device) -> list[str]:
    """The command of one replica. What is set in the environment it finds there itself."""
    options = ["--host", settings.host, "--port", str(settings.port), "--threads", str(threads), "--device", device]
    options += ["--models", str(settings.models)] if settings.models is not None else []
    options += ["--jobs", str(settings.jobs)] if settings.jobs is not None else []
    return [sys.executable, "-m", "glossator", "serve", *map(str, bundles), *options]

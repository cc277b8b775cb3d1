"""`glossator serve`"""

from __future__ import annotations

import gc
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support.command import PREFIX
from glossator.cli.support.console import OK, Device, Quiet, Threads, stderr
from glossator.cli.support.exit_signals import exit_if_signalled
from glossator.service.errors import ConfigError

if TYPE_CHECKING:
    from glossator.service.api.models.model_catalog import ModelCatalog
    from glossator.service.api.settings import Settings
    from glossator.service.monitoring.traffic_shares import TrafficShare

_SWITCH_SECONDS = 0.001
"""How long a thread that encodes or decodes may keep the event loop waiting; 5 ms by default."""


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
    uds: Annotated[
        Path | None, typer.Option(envvar=f"{PREFIX}UDS", help="Unix socket to listen on, instead of host and port.")
    ] = None,
    root_path: Annotated[
        str,
        typer.Option(
            envvar=f"{PREFIX}ROOT_PATH",
            help="Path prefix under which a reverse proxy publishes the server, such as /glossator.",
        ),
    ] = "",
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            help="Address or network of a reverse proxy whose X-Forwarded headers count; default: this machine's."
        ),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(help="Origin whose pages may call the API from a browser, such as https://app.example."),
    ] = None,
    threads: Threads = None,
    replicas: Annotated[int, typer.Option(min=1, help="Server processes; one that dies is replaced.")] = 1,
    device: Device = "cpu",
    jobs: Annotated[
        Path | None,
        typer.Option(envvar=f"{PREFIX}JOBS", help="Folder for jobs: files labelled in the background (POST /v1/jobs)."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            envvar=f"{PREFIX}PREDICTION_LOG",
            help="Folder for the prediction log: what was answered, without the texts.",
        ),
    ] = None,
    log_texts: Annotated[
        bool, typer.Option("--log-texts", envvar=f"{PREFIX}PREDICTION_LOG_TEXTS", help="Log the texts too.")
    ] = False,
    log_redact: Annotated[
        bool,
        typer.Option(
            "--log-redact",
            envvar=f"{PREFIX}PREDICTION_LOG_REDACT",
            help="Mask e-mail addresses, card numbers and phone numbers in logged texts.",
        ),
    ] = False,
    reports: Annotated[
        Path | None,
        typer.Option(
            envvar=f"{PREFIX}REPORTS",
            help="Folder with reports of runs (evaluate -o, compare -o) that the Studio shows.",
        ),
    ] = None,
    reviews: Annotated[
        Path | None,
        typer.Option(
            envvar=f"{PREFIX}REVIEWS",
            help="Folder for files that people label on the page Review; default: that of the prediction log.",
        ),
    ] = None,
    shadow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL=VERSION:SHARE",
            help="Also answer this share of the logged texts with another version of the model, for the log alone: "
            "tickets=challenger:0.2. VERSION: an alias of the registry, previous, or a digest. May be repeated.",
        ),
    ] = None,
    canary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL=VERSION:SHARE",
            help="Answer this share of the requests for the model with another version: tickets=challenger:0.05. "
            "Clients keep their version. May be repeated.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Serve models over HTTP; refuses bundles that do not verify.

    When a bundle is served on a machine for the first time, the batch cost is measured for two seconds in parallel to
    the first requests, and stored in GLOSSATOR_CACHE_DIR.

    Runs until Ctrl-C, SIGTERM or SIGHUP, and finishes started requests before it exits. API keys come from
    GLOSSATOR_API_KEYS, or from the file named by GLOSSATOR_API_KEYS_FILE or GLOSSATOR_KEY_FILE, never from the command
    line.

    \b
    Example:
      glossator serve models/tickets --port 8000
      glossator serve --models registry --log predictions --shadow tickets=challenger:0.2
    """
    gc.disable()  # imported modules stay: collections would look at them again and again
    try:
        from glossator.service.api.app import create_app
        from glossator.service.api.replicas.replica_supervisor import is_replica
        from glossator.service.api.settings import Settings
        from glossator.service.api.transport.server import serve as run
        from glossator.service.api.transport.server import serve_replicas
        from glossator.service.inference.runtime.threads import available_cpus
        from glossator.workflows.models.serving import catalog_of_bundles, catalog_of_registry
    finally:
        gc.enable()

    exit_if_signalled()
    console = stderr(quiet=quiet)
    lists = {"trusted_proxies": trusted_proxy, "cors_origins": cors_origin, "shadow": shadow, "canary": canary}
    settings = Settings(
        host=host,
        port=port,
        jobs=jobs,
        models=models,
        uds=uds,
        root_path=root_path,
        prediction_log=log,
        reports=reports,
        reviews=reviews,
        prediction_log_texts=log_texts,
        prediction_log_redact=log_redact,
        **{name: tuple(values) for name, values in lists.items() if values},
    )
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
    gc.freeze()  # modules stay: no collection of garbage, which stops every thread, looks at them again
    sys.setswitchinterval(_SWITCH_SECONDS)
    if bundles:
        catalog = catalog_of_bundles(bundles, threads=threads, device=device)
    else:
        assert settings.models is not None
        catalog = catalog_of_registry(
            settings.models, memory_mb=settings.model_memory_mb, threads=threads, device=device
        )
    exit_if_signalled()
    for _, model in catalog.loaded():
        console.print(f"· verified {model.version}, serving {model.bundle.manifest.served.precision}")

    if settings.jobs is not None:
        where = "SQLite" if settings.job_database is None else "PostgreSQL"
        console.print(f"· jobs in {settings.jobs}, {where}", markup=False)

    if settings.prediction_log is not None:
        texts = "with the texts" if settings.prediction_log_texts else "without the texts"
        console.print(f"· answers are logged in {settings.prediction_log}, {texts}", markup=False)

    for each in settings.shadow:
        console.print(f"· shadow: {_version(catalog, each)} also answers {each.share:.1%} of the texts", markup=False)
    for each in settings.canary:
        unit = "keys" if settings.needs_key else "requests"
        console.print(f"· canary: {_version(catalog, each)} answers {each.share:.1%} of the {unit}", markup=False)

    stopping = threading.Event()
    measuring = threading.Thread(target=_measure_batch_costs, args=(catalog, stopping))

    def ready(url: str) -> None:
        console.print(f"listening on {url}")
        measuring.start()

    app = create_app(catalog, settings)
    exit_if_signalled()
    run(app, settings, on_ready=ready)
    stopping.set()
    if measuring.ident is not None:
        measuring.join()
    return OK


def _version(catalog: ModelCatalog, share: TrafficShare) -> str:
    """Return how a version that gets a share is shown, with its digest if there is one at the moment."""
    digest = catalog.challenger_version(share.model, share.version)
    found = "no other version at the moment" if digest is None else digest[:12]
    return f"{share.model}@{share.version} ({found})"


def _measure_batch_costs(catalog: ModelCatalog, stopping: threading.Event) -> None:
    """Measure the models that were never measured on this machine, one after another."""
    for _, model in catalog.loaded():
        if not model.batch_cost_measured and not stopping.is_set():
            model.measure_batch_cost()


def _replica_command(bundles: list[Path], settings: Settings, threads: int, device: Device) -> list[str]:
    """Return the command line of one replica; it reads the other settings from the environment."""
    options = ["--host", settings.host, "--port", str(settings.port), "--threads", str(threads), "--device", device]
    options += ["--root-path", settings.root_path] if settings.root_path else []
    options += [part for each in settings.trusted_proxies for part in ("--trusted-proxy", each)]
    options += [part for each in settings.cors_origins for part in ("--cors-origin", each)]
    options += ["--uds", str(settings.uds)] if settings.uds is not None else []
    options += ["--models", str(settings.models)] if settings.models is not None else []
    options += ["--jobs", str(settings.jobs)] if settings.jobs is not None else []
    options += ["--reports", str(settings.reports)] if settings.reports is not None else []
    options += ["--reviews", str(settings.reviews)] if settings.reviews is not None else []
    options += ["--log", str(settings.prediction_log)] if settings.prediction_log is not None else []
    options += ["--log-texts"] if settings.prediction_log_texts else []
    options += ["--log-redact"] if settings.prediction_log_redact else []
    options += [part for each in settings.shadow for part in ("--shadow", str(each))]
    options += [part for each in settings.canary for part in ("--canary", str(each))]
    return [sys.executable, "-P", "-m", "glossator", "serve", *map(str, bundles), *options]

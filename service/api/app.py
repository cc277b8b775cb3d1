"""Creates the ASGI app from models and settings. Importing this module has no side effects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from anyio import to_thread
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from glossator.service.api import problems
from glossator.service.api.dialects.mount import BODIES, mount
from glossator.service.api.error_responses import error_response
from glossator.service.api.feedback.feedback_service import open_feedback
from glossator.service.api.feedback.labelling_service import open_labelling
from glossator.service.api.feedback.review_service import open_reviews
from glossator.service.api.job_service import open_jobs
from glossator.service.api.middleware.compression import CompressionMiddleware
from glossator.service.api.middleware.early_refusals import EarlyRefusalMiddleware, RecentRefusals
from glossator.service.api.middleware.path_and_method import PathAndMethodMiddleware
from glossator.service.api.middleware.request_middleware import RequestMiddleware
from glossator.service.api.middleware.tracing import no_span, span_factory
from glossator.service.api.models.challengers import open_canaries, open_shadow
from glossator.service.api.models.model_catalog import ModelCatalog
from glossator.service.api.models.promotion_service import open_promotions
from glossator.service.api.monitoring.drift_service import open_drift
from glossator.service.api.monitoring.metrics import Metrics
from glossator.service.api.monitoring.monitor_service import open_monitor
from glossator.service.api.openapi_document import DEFAULT_RESPONSES, DocumentedApp
from glossator.service.api.replicas.replica_supervisor import shared_folder
from glossator.service.api.routes import feedback as feedback_routes
from glossator.service.api.routes import (
    feedback_disabled,
    heads,
    health,
    jobs_disabled,
    monitor,
    predict,
    promotion,
    review_files_disabled,
    reviews_disabled,
    zero_shot_rerank,
)
from glossator.service.api.routes import jobs as jobs_routes
from glossator.service.api.routes import models as models_routes
from glossator.service.api.routes import review_files as review_files_routes
from glossator.service.api.routes import reviews as reviews_routes
from glossator.service.api.security.access import declared_routes
from glossator.service.api.security.guard import GuardMiddleware
from glossator.service.api.security.key_ring import open_key_ring
from glossator.service.api.security.proxy import ProxyMiddleware
from glossator.service.api.security.sessions import Sessions
from glossator.service.api.settings import Settings
from glossator.service.api.state import AppState
from glossator.service.api.web.pages import page_routers
from glossator.service.api.web.review.queues import ReviewQueues
from glossator.service.bundle.names import check_model_name
from glossator.service.errors import ConfigError
from glossator.service.inference.model import Model
from glossator.service.inference.queue.admission import QueueLimit
from glossator.service.inference.queue.encoding_lanes import EncodingLanes
from glossator.service.monitoring.prediction_log.writer import PredictionLog


def create_app(models: Mapping[str, Model], settings: Settings) -> FastAPI:
    """Create the app.

    Args:
        models: The models by name, or a ModelCatalog.
        settings: The settings of the API.

    Returns:
        The app. It warms the models up when it starts; `/readyz` then reports that it is ready.

    Raises:
        ConfigError: There is no model, or a model has an invalid name.
    """
    catalog = models if isinstance(models, ModelCatalog) else ModelCatalog(models)
    _check_names(catalog)
    release = _installed_version()
    metrics = Metrics(catalog.loaded, release)
    state = AppState(
        models=catalog,
        settings=settings,
        metrics=metrics,
        lanes=EncodingLanes(settings.encoding_workers),
        refusals=RecentRefusals(),
        version=release,
        keys=open_key_ring(settings),
        sessions=Sessions(settings.session_secret.get_secret_value().encode()),
        jobs=open_jobs(catalog, settings),
        log=None if settings.log_settings is None else PredictionLog(settings.log_settings),
    )
    state.feedback = open_feedback(catalog, settings)
    state.reviews = open_reviews(catalog, settings)
    state.labelling = open_labelling(catalog, settings)
    state.monitor = open_monitor(settings)
    state.promotions = open_promotions(catalog, settings)
    state.queues = ReviewQueues(catalog, state.reviews, state.promotions, state.labelling)
    if state.log is not None:
        metrics.watch_log(state.log)
    state.drift = open_drift(state.log, catalog, settings)
    if state.drift is not None:
        metrics.watch_drift(state.drift.own_verdicts)
    state.canaries = open_canaries(catalog, settings)
    state.shadow = open_shadow(catalog, settings, state.log, lambda: state.in_progress)
    if state.shadow is not None:
        metrics.watch_shadow(state.shadow)
    if settings.key_file is not None:
        metrics.watch_key_file(state.keys.file_status)
    catalog.limit = QueueLimit(settings.queue_seconds)
    for _, model in catalog.loaded():
        model.limit = catalog.limit

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if (replica := shared_folder()) is not None:
            metrics.share(*replica)
        await state.warm_up()
        if state.log is not None:
            state.log.start()
        if state.drift is not None:
            state.drift.start()
        if state.shadow is not None:
            state.shadow.start()
        if state.jobs is not None:
            state.jobs.supervisor.start()
        catalog.start()
        for challenger in state.challengers:
            challenger.model()  # begin to load it
        yield
        state.draining = True
        await to_thread.run_sync(catalog.close)
        if state.jobs is not None:
            await to_thread.run_sync(state.jobs.close)
        await to_thread.run_sync(state.lanes.close)
        # The log after the shadow, which writes to it, and before the drift detector, which reads what is written.
        services = (
            state.shadow,
            state.log,
            state.drift,
            state.feedback,
            state.reviews,
            state.labelling,
            state.monitor,
            state.promotions,
        )
        for service in services:
            if service is not None:
                await to_thread.run_sync(service.close)
        await to_thread.run_sync(metrics.close)

    app = DocumentedApp(
        title="Glossator",
        summary="Text inference on plain CPUs with verified models.",
        version=release,
        lifespan=lifespan,
        openapi_url=None,  # our routes serve the document and the pages: FastAPI's pages load scripts from a CDN
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=DEFAULT_RESPONSES,
        middleware=[
            Middleware(PathAndMethodMiddleware),
            Middleware(
                RequestMiddleware,
                metrics=metrics,
                draining=lambda: state.draining,
                open_span=span_factory(release) or no_span,
                respond=error_response,
            ),
            Middleware(ProxyMiddleware, settings=settings),
            *_cors(settings),
            Middleware(
                GuardMiddleware, settings=settings, keys=state.keys, sessions=state.sessions, respond=error_response
            ),
            Middleware(EarlyRefusalMiddleware, refusals=state.refusals, respond=error_response),
            Middleware(CompressionMiddleware),
        ],
    )
    app.state.service = state
    app.needs_key = settings.needs_key
    problems.install_error_handlers(app, error_response)
    jobs = jobs_disabled if state.jobs is None else jobs_routes
    feedback = feedback_disabled if state.feedback is None else feedback_routes
    review_files = review_files_disabled if state.labelling is None else review_files_routes
    reviews = reviews_disabled if state.reviews is None else reviews_routes
    for routes in (
        predict,
        heads,
        zero_shot_rerank,
        models_routes,
        monitor,
        jobs,
        feedback,
        reviews,
        review_files,
        promotion,
        health,
    ):
        app.include_router(routes.router)
    for router in page_routers(state):
        app.include_router(router)
    app.body_models = BODIES
    mount(app, root=settings.root_dialect, default=catalog.names[0], jobs=state.jobs is not None)
    tuple(declared_routes(app.routes))  # a route without a declared scope stops the app here
    return app


def _cors(settings: Settings) -> list[Middleware]:
    """Let pages of the listed origins read responses. They send a key: a session of our pages does not count there."""
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["Retry-After", "RateLimit", "RateLimit-Policy", "X-Ignored-Fields", "X-Request-Id"],
        )
    ]


def _check_names(models: Mapping[str, Model]) -> None:
    if not models:
        raise ConfigError("there is no model to serve", hint="Give at least one bundle.")
    for name in models:
        check_model_name(name)


def _installed_version() -> str:
    try:
        return version("glossator")
    except PackageNotFoundError:  # a source tree that is not installed
        return "0+unknown"

"""Liveness, readiness, metrics, the OpenAPI document and the list of routes."""

from __future__ import annotations

from collections.abc import Iterator

from anyio import to_thread
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, RedirectResponse, Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.openapi_document import problem_responses
from glossator.service.api.problems import NotReady
from glossator.service.api.schemas.operations import HealthStatus, ReadinessStatus, RouteBody, RouteIndex
from glossator.service.api.security.access import ADMIN, INFER, OPEN
from glossator.service.api.security.proxy import root_of
from glossator.service.api.state import AppState

router = APIRouter(tags=["operations"])

_STARTING = NotReady("the models are still warming up", hint="Retry in a second.")
_DRAINING = NotReady("the server is stopping", hint="Send requests to another server.")
_NO_KEYS = NotReady(
    "the key file cannot be read: all of its keys are refused", hint="The log of the server names the reason."
)


@router.get("/livez", summary="Check that the process is alive", openapi_extra={"security": []}, dependencies=[OPEN])
async def livez() -> HealthStatus:
    """Answers as long as the event loop runs, even if a model fails."""
    return HealthStatus(status="alive")


@router.get(
    "/readyz",
    summary="Check that the server is ready for requests",
    openapi_extra={"security": []},
    dependencies=[OPEN],
    responses=problem_responses("/readyz", _STARTING, _DRAINING),
    response_model_exclude_unset=True,
)
async def readyz(state: StateDep) -> ReadinessStatus:
    """The server is ready when every model is warm, until it receives SIGTERM."""
    raise_if_not_ready(state)
    problems = [*_key_problems(state), *_log_problems(state), *_challenger_problems(state)]
    return ReadinessStatus(status="ready", problems=problems) if problems else ReadinessStatus(status="ready")


def _key_problems(state: AppState) -> Iterator[str]:
    unreadable = state.keys.file_status().unreadable_seconds
    if unreadable:
        rest = max(0.0, state.settings.key_file_grace_seconds - unreadable)
        yield f"the key file cannot be read for {unreadable:.0f} s; in {rest:.0f} s all of its keys will be refused"


def _log_problems(state: AppState) -> Iterator[str]:
    if state.log is not None and (failure := state.log.status.failure) is not None:
        yield f"answers are not logged: {failure}"


def _challenger_problems(state: AppState) -> Iterator[str]:
    for each in state.challengers:
        each.model()  # finds out whether it can be used, also without traffic
        if each.problem is not None:
            yield each.problem


def raise_if_not_ready(state: AppState) -> None:
    """Raise NotReady while the models warm up, while the server stops, and while it refuses the keys of its file."""
    if state.draining or not state.warm or state.keys.file_status().refused:
        error = _DRAINING if state.draining else _NO_KEYS if state.warm else _STARTING
        raise NotReady(error.message, hint=error.hint)


@router.get(
    "/metrics",
    summary="Get metrics for Prometheus",
    response_class=Response,
    dependencies=[ADMIN],
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(state: StateDep) -> Response:
    """Metrics since the start of the process. With several replicas, the metrics of each."""
    return Response(await to_thread.run_sync(state.metrics.exposition), headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.get("/openapi.json", include_in_schema=False, dependencies=[INFER])
async def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    root = root_of(request.scope)
    servers = {"servers": [{"url": root}]} if root else {}
    return JSONResponse(request.app.openapi() | servers)


@router.get("/", summary="List the routes", response_model=RouteIndex, dependencies=[INFER])
async def index(request: Request, state: StateDep) -> RouteIndex | Response:
    """The routes of this server. Browsers are redirected to the page."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"{root_of(request.scope)}/ui")
    paths = request.app.openapi()["paths"]
    routes = [
        RouteBody(method=method.upper(), path=path, summary=operation["summary"])
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]
    return RouteIndex(name="glossator", version=state.version, openapi="/openapi.json", routes=routes)

"""Liveness, readiness, metrics, the OpenAPI document and the list of routes."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, RedirectResponse, Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.openapi_document import problem_responses
from glossator.service.api.problems import NotReady
from glossator.service.api.schemas.operations import HealthStatus, RouteBody, RouteIndex
from glossator.service.api.state import AppState

router = APIRouter(tags=["operations"])

_STARTING = NotReady("the models are still warming up", hint="Retry in a second.")
_DRAINING = NotReady("the server is stopping", hint="Send requests to another server.")


@router.get("/livez", summary="Check that the process is alive", openapi_extra={"security": []})
async def livez() -> HealthStatus:
    """Answers as long as the event loop runs, even if a model fails."""
    return HealthStatus(status="alive")


@router.get(
    "/readyz",
    summary="Check that the server is ready for requests",
    openapi_extra={"security": []},
    responses=problem_responses("/readyz", _STARTING, _DRAINING),
)
async def readyz(state: StateDep) -> HealthStatus:
    """The server is ready when every model is warm, until it receives SIGTERM."""
    raise_if_not_ready(state)
    return HealthStatus(status="ready")


def raise_if_not_ready(state: AppState) -> None:
    """Raise NotReady while the models warm up and while the server stops."""
    if state.draining or not state.warm:
        error = _DRAINING if state.draining else _STARTING
        raise NotReady(error.message, hint=error.hint)


@router.get(
    "/metrics",
    summary="Get metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(state: StateDep) -> Response:
    """Metrics since the start of the process. With several replicas, the metrics of each."""
    return Response(await to_thread.run_sync(state.metrics.exposition), headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    return JSONResponse(request.app.openapi())


@router.get("/", summary="List the routes", response_model=RouteIndex)
async def index(request: Request, state: StateDep) -> RouteIndex | Response:
    """The routes of this server. Browsers are redirected to the page."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/ui")
    paths = request.app.openapi()["paths"]
    routes = [
        RouteBody(method=method.upper(), path=path, summary=operation["summary"])
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]
    return RouteIndex(name="glossator", version=state.version, openapi="/openapi.json", routes=routes)

"""What is known of a deployed model: logged answers, live accuracy, drift."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from glossator.service.api.dependencies import StateDep
from glossator.service.api.inference.inference_requests import read_deadline
from glossator.service.api.models.model_catalog import unknown_model
from glossator.service.api.monitoring.model_timeline import model_timeline
from glossator.service.api.monitoring.monitor_service import MonitorService, Range, TimeRange, watched_version
from glossator.service.api.openapi_document import problem_responses
from glossator.service.api.problems import MonitorOff
from glossator.service.api.routes.models import UNKNOWN_MODEL, ModelName
from glossator.service.api.schemas.monitor import MonitorBody, SliceField, monitor_body
from glossator.service.api.schemas.timeline import TimelineBody, timeline_body
from glossator.service.api.security.access import ADMIN
from glossator.service.api.state import AppState
from glossator.service.errors import ConfigError
from glossator.service.monitoring.prediction_log.reader import parse_seconds

router = APIRouter(tags=["operations"])

MONITOR_OFF = MonitorOff(
    "this server logs no answers, so nothing is known of its models",
    hint="Start it with a folder for the log: glossator serve --log FOLDER.",
)
_NO_FIELDS = ConfigError(
    "the answers of this period have no fields to divide them by",
    found="route; the period of 2026-11-22 was frozen by an older version of Glossator",
    hint="Begin a new period (--new, or --since).",
)


_NO_TIME = ConfigError("since is not a time", found="monday", expected="a date such as 2026-11-29, or 2026-11-29T13:00")
_NO_RANGE = ConfigError("since is not before until", found="2026-11-30 to 2026-11-29")


@router.get(
    "/v1/models/{name}/monitor",
    summary="See what is known of a deployed model",
    dependencies=[ADMIN],  # as /metrics: it counts the answers to all keys
    responses=problem_responses("/v1/models/intents/monitor", UNKNOWN_MODEL, MONITOR_OFF, _NO_FIELDS),
)
async def monitor(
    name: ModelName,
    request: Request,
    state: StateDep,
    slice: Annotated[
        list[SliceField], Query(max_length=9, description="Divide the newest period by these fields.")
    ] = [],  # noqa: B006  FastAPI copies it
    history: Annotated[bool, Query(description="Estimate all periods too.")] = False,
) -> MonitorBody:
    """The logged answers of each version, the accuracy of the newest period with its interval, and drift.

    `glossator monitor`, or POST /v1/reviews/{name}/periods, opens a period.
    """
    service = monitor_of(state)

    def measure() -> MonitorBody:
        measured = service.measure(name, slices=slice, history=history)
        versions = measured.counted.versions
        if not versions and measured.accuracy is None and name not in state.models.names:
            raise unknown_model(name, state.models.names)
        live = state.models.get(name)
        watched = watched_version(versions, None if live is None else live.digest)
        drift = [] if state.drift is None or watched is None else state.drift.verdicts(name, watched)
        return monitor_body(name, measured, drift)

    return await service.threads.run(measure, read_deadline(request, state.settings))


@router.get(
    "/v1/models/{name}/timeline",
    summary="See what a deployed model did over time",
    dependencies=[ADMIN],
    responses=problem_responses("/v1/models/intents/timeline", UNKNOWN_MODEL, MONITOR_OFF, _NO_TIME, _NO_RANGE),
)
async def timeline(
    name: ModelName,
    request: Request,
    state: StateDep,
    range: Annotated[Range, Query(description="The length of the time that ends now, or at `until`.")] = "day",
    since: Annotated[str | None, Query(description="Instead of `range`: ISO 8601, UTC by default.")] = None,
    until: Annotated[str | None, Query(description="ISO 8601, UTC by default; without it, now.")] = None,
    version: Annotated[str, Query(description="Only this version: how its digest begins.", max_length=64)] = "",
) -> TimelineBody:
    """Answers, time on the server, labels, confidence and summaries in about 100 equal stretches of time, and events.

    Only logged answers count. Events are changes of the registry, alarms of drift, and versions that began to answer.
    """
    service, wanted = monitor_of(state), time_range(range, since, until)

    def measure() -> TimelineBody:
        return timeline_body(model_timeline(state, service, name, wanted, version))

    return await service.threads.run(measure, read_deadline(request, state.settings))


def monitor_of(state: AppState) -> MonitorService:
    """Return the monitor of a server. Raises MonitorOff."""
    if state.monitor is None:
        raise MonitorOff(MONITOR_OFF.message, hint=MONITOR_OFF.hint)
    return state.monitor


def time_range(length: Range, since: str | None, until: str | None) -> TimeRange:
    """Return the time that a request asks for. Raises ConfigError."""
    begin, end = parse_seconds(since or None, "since"), parse_seconds(until or None, "until")
    if begin is not None and end is not None and begin >= end:
        raise ConfigError(_NO_RANGE.message, found=f"{since} to {until}")
    return TimeRange(length, begin, end)

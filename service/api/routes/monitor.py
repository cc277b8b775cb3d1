"""What is known of a deployed model: logged answers, live accuracy, drift."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from glossator.service.api.dependencies import StateDep
from glossator.service.api.inference_requests import read_deadline
from glossator.service.api.model_catalog import unknown_model
from glossator.service.api.monitor_service import watched_version
from glossator.service.api.openapi_document import problem_responses
from glossator.service.api.problems import MonitorOff
from glossator.service.api.routes.models import UNKNOWN_MODEL, ModelName
from glossator.service.api.schemas.monitor import MonitorBody, SliceField, monitor_body
from glossator.service.api.security.access import ADMIN
from glossator.service.errors import ConfigError

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
    service = state.monitor
    if service is None:
        raise MonitorOff(MONITOR_OFF.message, hint=MONITOR_OFF.hint)

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

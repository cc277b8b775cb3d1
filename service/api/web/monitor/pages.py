"""The pages of the section Monitor: all models, and one model over time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.inference.inference_requests import read_deadline
from glossator.service.api.monitoring.model_timeline import model_timeline
from glossator.service.api.monitoring.monitor_service import Range
from glossator.service.api.routes.monitor import monitor_of, time_range
from glossator.service.api.schemas.timeline import timeline_body
from glossator.service.api.security.access import ADMIN
from glossator.service.api.state import AppState
from glossator.service.api.web.monitor import timeline_view
from glossator.service.api.web.monitor.overview import overview
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute
from glossator.service.api.web.templating import render

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[ADMIN])

RANGES: dict[str, str] = {"hour": "Hour", "day": "Day", "week": "Week", "all": "All"}
TextField = Annotated[str, Query(max_length=64)]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TimeFields:
    """The fields of the page's form: a range or two times, and a version of the model."""

    range: Annotated[Range, Query()] = "day"
    since: TextField = ""
    until: TextField = ""
    version: TextField = ""


TimeFieldsDep = Annotated[TimeFields, Depends()]


@router.get(PREFIX + "/monitor")
async def page(request: Request, state: StateDep) -> Response:
    """All models. It loads its rows by itself."""
    return render(request.scope, "monitor/page.html", is_on=state.monitor is not None)


@router.get(PREFIX + "/monitor/parts/overview")
async def overview_rows(request: Request, state: StateDep) -> Response:
    """The rows of all models."""
    service = monitor_of(state)
    rows, complete = await _run(request, state, lambda: overview(state, service))
    return render(request.scope, "monitor/overview.html", rows=rows, complete=complete, format=timeline_view)


@router.get(PREFIX + "/monitor/{name}")
async def model(request: Request, name: str, state: StateDep, fields: TimeFieldsDep) -> Response:
    """One model over time. It loads its charts by itself."""
    if state.monitor is None:
        return render(request.scope, "monitor/page.html", is_on=False)
    service, wanted = state.monitor, time_range(fields.range, fields.since, fields.until)
    if name not in state.models.names:  # an error, unless the log has answers of it
        await _run(request, state, lambda: model_timeline(state, service, name, wanted))
    return render(request.scope, "monitor/model.html", name=name, ranges=RANGES, chosen=asdict(fields))


@router.get(PREFIX + "/monitor/{name}/view")
async def view(request: Request, name: str, state: StateDep, fields: TimeFieldsDep) -> Response:
    """Figures, charts, alarms and events of one model in a time."""
    service, wanted = monitor_of(state), time_range(fields.range, fields.since, fields.until)
    tolerance = state.settings.prediction_log_drift_tolerance

    def measure() -> timeline_view.TimelineView:
        body = timeline_body(model_timeline(state, service, name, wanted, fields.version))
        return timeline_view.view_timeline(body, tolerance=tolerance)

    found = await _run(request, state, measure)
    return render(
        request.scope,
        "monitor/view.html",
        name=name,
        view=found,
        chart=json.dumps(found.chart),
        format=timeline_view,
        has_key=state.settings.needs_key,
    )


async def _run(request: Request, state: AppState, work: Callable[[], _T]) -> _T:
    """Run what reads the log in a thread of the monitor."""
    return await monitor_of(state).threads.run(work, read_deadline(request, state.settings))

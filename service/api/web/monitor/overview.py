"""One row for each model: what it did in the last day, and whether something is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from glossator.service.api.monitoring.model_timeline import model_timeline
from glossator.service.api.monitoring.monitor_service import MonitorService, TimeRange
from glossator.service.api.schemas.timeline import TimelineBody, timeline_body
from glossator.service.api.state import AppState
from glossator.service.reviews.accuracy.live_accuracy import LiveAccuracy

SPARK_WIDTH, SPARK_HEIGHT = 120, 28


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """A model. `spark`: the points of a line, answers over the last day."""

    name: str
    body: TimelineBody
    accuracy: LiveAccuracy | None
    state: tuple[str, str]
    alarms: int
    last: str
    spark: str


def overview(state: AppState, service: MonitorService) -> tuple[list[OverviewRow], bool]:
    """Return the rows of all models, those with alarms first, and whether the whole log is counted. Blocks."""
    rows, complete = [], True
    for name in state.models.names:
        found = model_timeline(state, service, name, TimeRange("day"))
        body = timeline_body(found)
        complete = complete and body.complete
        alarms = sum(each.drifted for each in body.drift)
        rows.append(
            OverviewRow(
                name=name,
                body=body,
                accuracy=found.measured.history[-1] if found.measured.history else None,
                state=_state(body, alarms),
                alarms=alarms,
                last=max((each.last for each in body.versions), default=""),
                spark=spark([each.answers for each in body.buckets]),
            )
        )
    return sorted(rows, key=lambda each: (-each.alarms, each.name)), complete


def spark(values: list[int]) -> str:
    """Return the points of a line through some values, for SVG."""
    most, last = max([1, *values]), max(1, len(values) - 1)
    return " ".join(
        f"{SPARK_WIDTH * place / last:.1f},{SPARK_HEIGHT - 1 - (SPARK_HEIGHT - 2) * value / most:.1f}"
        for place, value in enumerate(values)
    )


def _state(body: TimelineBody, alarms: int) -> tuple[str, str]:
    if alarms:
        return "bad", "1 alarm" if alarms == 1 else f"{alarms} alarms"
    if not body.versions:
        return "off", "no answers yet"
    if not body.total.answers:
        return "off", "no answers today"
    return ("good", "no alarms") if body.drift else ("info", "drift not watched")

"""What the log, the reviews and the drift tests say of a served model, in short. Reads files: call it in a thread."""

from __future__ import annotations

from dataclasses import dataclass

from glossator.service.api.monitoring.monitor_service import watched_version
from glossator.service.api.state import AppState
from glossator.service.api.web.models.facts import write_interval, write_share
from glossator.service.api.web.models.versions import DIGITS
from glossator.service.inference.model import Model


@dataclass(frozen=True, slots=True)
class Deployed:
    """The state of a model in use. `accuracy` is empty before the first review."""

    answers: int
    is_complete: bool
    """False while old files of a large log are still being counted."""
    accuracy: str
    interval: str
    reviewed: int
    drifted: int
    """Summaries with an alarm."""
    watched: int
    """Summaries that are watched; 0 without a reference."""
    accuracy_of: str
    """Short digest of the version that was reviewed, if it is not the live one; else empty."""
    drift_of: str
    """Short digest of the version that is watched, if it is not the live one; else empty."""


def deployed(state: AppState, name: str) -> Deployed | None:
    """The state of a model; None if the server logs no answers. Raises StoreUnavailable, ConfigError."""
    if state.monitor is None:
        return None
    measured = state.monitor.measure(name, slices=(), history=False)
    versions = measured.counted.versions
    live = state.models.get(name)
    watched = watched_version(versions, None if live is None else live.digest)
    reviewed = None if measured.accuracy is None else measured.accuracy.period.digest
    drift = [] if state.drift is None or watched is None else state.drift.verdicts(name, watched)
    estimate = None if measured.accuracy is None else measured.accuracy.estimate
    value = None if estimate is None else estimate.value
    return Deployed(
        answers=sum(each.records for each in versions),
        is_complete=measured.counted.complete,
        accuracy="" if value is None else write_share(value),
        interval="" if estimate is None else write_interval(estimate.interval.low, estimate.interval.high),
        reviewed=0 if estimate is None else estimate.labels,
        drifted=sum(each.alarm is not None for each in drift),
        watched=len(drift),
        accuracy_of=_another(reviewed, live),
        drift_of=_another(watched, live),
    )


def _another(digest: str | None, live: Model | None) -> str:
    """A version in short, if it is not the live one."""
    return "" if digest is None or live is None or digest == live.digest else digest[:DIGITS]

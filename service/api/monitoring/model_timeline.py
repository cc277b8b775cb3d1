"""Everything that the monitor shows of one model: its answers over time, reviews, drift and events."""

from __future__ import annotations

from dataclasses import dataclass

from glossator.service.api.models.model_catalog import unknown_model
from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.api.monitoring.model_events import ModelEvent, events_of
from glossator.service.api.monitoring.monitor_service import (
    MeasuredTime,
    MonitorService,
    ReferenceRange,
    TimeRange,
    watched_version,
)
from glossator.service.api.state import AppState
from glossator.service.errors import GlossatorError
from glossator.service.monitoring.drift.events import LiveDrift
from glossator.service.registry import AuditEntry


@dataclass(frozen=True, slots=True)
class ModelTimeline:
    """What a model did over time. `watched`: the digest of the version whose drift is shown."""

    model: str
    live: str | None
    watched: str | None
    measured: MeasuredTime
    drift: list[LiveDrift]
    references: dict[str, ReferenceRange]
    events: list[ModelEvent]
    errors: dict[str, int]


def model_timeline(
    state: AppState, service: MonitorService, model: str, wanted: TimeRange, version: str = ""
) -> ModelTimeline:
    """Measure a model, or one version of it, over time. Blocks. Raises UnknownModel, StoreUnavailable."""
    measured = service.measure_time(model, wanted, version=version)
    versions = measured.counted.versions
    if not versions and not measured.history and model not in state.models.names:
        raise unknown_model(model, state.models.names)
    live = state.models.get(model)
    digest = None if live is None else live.digest
    watched = watched_version([each for each in versions if each.digest.startswith(version)], digest)
    drift = [] if state.drift is None or watched is None else state.drift.verdicts(model, watched)
    bundle = next((each.bundle for _, each in state.models.loaded() if each.digest == watched), None)
    canary = state.canaries.get(model)
    events = events_of(
        _history(state, model),
        versions,
        measured.shadows,
        drift,
        watched=watched,
        canary=None if canary is None else canary.digest,
    )
    return ModelTimeline(
        model=model,
        live=digest,
        watched=watched,
        measured=measured,
        drift=drift,
        references={} if bundle is None else service.references(bundle),
        events=[each for each in events if each.digest.startswith(version)],
        errors=state.metrics.error_counts(),
    )


def _history(state: AppState, model: str) -> list[AuditEntry]:
    """Return the lines of the audit about a model; none without a registry, or if it cannot be read now."""
    if not isinstance(state.models, RegistryCatalog):
        return []
    try:
        return [each for each in state.models.registry.entries() if each.name == model]
    except GlossatorError:  # the catalog reports it
        return []

"""What happened to a model: changes of its versions, alarms of drift, and versions that began to answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from glossator.service.monitoring.drift.events import LiveDrift, alarm_to_dict
from glossator.service.monitoring.prediction_log.reader import ModelStatistics
from glossator.service.monitoring.timeline.slots import seconds_of
from glossator.service.registry import CHAMPION, AuditEntry

EventKind = Literal[
    "deployed", "promoted", "rolled-back", "added", "alias", "removed", "note",
    "alarm", "alarm-ended", "canary", "shadow", "first-answer",
]  # fmt: skip
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class ModelEvent:
    """Something that happened to a version of a model.

    `evidence`: the numbers behind it; of alarms as `DriftEvent.to_dict` returns them.
    """

    time: float
    kind: EventKind
    title: str
    digest: str
    why: str = ""
    by: str = ""
    evidence: Mapping[str, Any] | None = None


def events_of(
    history: Iterable[AuditEntry],
    versions: Sequence[ModelStatistics],
    shadows: Mapping[str, str],
    drift: Iterable[LiveDrift],
    *,
    watched: str | None,
    canary: str | None,
) -> list[ModelEvent]:
    """Return the events of a model, the oldest first.

    Args:
        history: The lines of the registry's audit about the model; empty without a registry.
        versions: The logged answers of each version.
        shadows: When each version began to answer for the log alone.
        drift: What is known of the summaries of the watched version now.
        watched: The digest of that version.
        canary: The digest of the version that is a canary now.
    """
    events, known = _changes(history), set()
    for event in events:
        if event.evidence is not None and event.kind == "alarm":
            known.add((event.digest, event.evidence["alarm"]["summary"], event.evidence["alarm"]["raised_time"]))
    events += _first_answers(versions, events, canary)
    events += [
        ModelEvent(seconds_of(first), "shadow", f"{_version(digest)} began to answer as a shadow", digest)
        for digest, first in shadows.items()
    ]
    for each in drift:
        if each.alarm is None or watched is None:
            continue
        alarm = alarm_to_dict(each.alarm)
        if (watched, each.summary, alarm["raised_time"]) not in known:
            evidence = {"alarm": alarm, "distance": each.to_dict()["distance"], "examples": []}
            events.append(_alarm(each.alarm.raised_time, watched, evidence, begins=True))
    return sorted(events, key=lambda each: each.time)


def _changes(history: Iterable[AuditEntry]) -> list[ModelEvent]:
    """Return the lines of an audit as events. The second note about an alarm says that it has ended."""
    events: list[ModelEvent] = []
    begun: set[tuple[str, str, str]] = set()
    for entry in history:
        time, version = seconds_of(entry.time), _version(entry.digest)
        alarm = _noted_alarm(entry)
        if alarm is not None and entry.evidence is not None:
            key = (entry.digest, str(alarm["summary"]), str(alarm["raised_time"]))
            events.append(_alarm(time, entry.digest, entry.evidence, begins=key not in begun))
            begun.add(key)
            continue
        kind, title = _change(entry, version)
        events.append(ModelEvent(time, kind, title, entry.digest, entry.why, entry.by, entry.evidence))
    return events


def _change(entry: AuditEntry, version: str) -> tuple[EventKind, str]:
    is_champion = entry.alias == CHAMPION
    if entry.action == "add":
        return ("deployed", f"{version} deployed") if is_champion else ("added", f"{version} added to the registry")
    if entry.action == "alias":
        return ("promoted", f"{version} promoted") if is_champion else ("alias", f"{version} is now {entry.alias}")
    if entry.action == "rollback":
        return (
            "rolled-back",
            f"Rolled back to {version.lower()}" if is_champion else f"{entry.alias} back to {version.lower()}",
        )
    if entry.action == "remove":
        return "removed", f"{version} removed"
    return "note", f"Note about {version.lower()}"


def _noted_alarm(entry: AuditEntry) -> Mapping[str, Any] | None:
    """Return the alarm in a note; None if it is about something else."""
    alarm = None if entry.action != "note" or entry.evidence is None else entry.evidence.get("alarm")
    return alarm if isinstance(alarm, dict) and {"summary", "raised_time", "since_time"} <= alarm.keys() else None


def _alarm(time: float, digest: str, evidence: Mapping[str, Any], *, begins: bool) -> ModelEvent:
    summary = evidence["alarm"]["summary"]
    title = f"{summary} drifted" if begins else f"{summary} is as in the reference again"
    return ModelEvent(time, "alarm" if begins else "alarm-ended", title, digest, evidence=evidence)


def _first_answers(
    versions: Sequence[ModelStatistics], changes: Sequence[ModelEvent], canary: str | None
) -> list[ModelEvent]:
    """Return when versions first answered, unless they were live then. The log may begin after its oldest version."""
    events = []
    for each in sorted(versions, key=lambda version: version.first)[1:]:
        time = seconds_of(each.first)
        was_live = any(
            event.digest == each.digest and event.kind in ("deployed", "promoted", "rolled-back") and event.time <= time
            for event in changes
        )
        if each.digest == canary:
            title = f"{_version(each.digest)} began to answer as a canary"
            events.append(ModelEvent(time, "canary", title, each.digest))
        elif not was_live:
            title = f"{_version(each.digest)} answered for the first time"
            events.append(ModelEvent(time, "first-answer", title, each.digest))
    return events


def _version(digest: str) -> str:
    return f"Version {digest[:_DIGITS]}"

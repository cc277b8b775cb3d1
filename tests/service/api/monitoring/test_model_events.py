"""Events of a model: from the audit of its registry, its log, and alarms of drift."""

from __future__ import annotations

from typing import Any

from glossator.service.api.monitoring.model_events import ModelEvent, events_of
from glossator.service.monitoring.drift.events import LiveDrift
from glossator.service.monitoring.prediction_log.reader import ModelStatistics
from glossator.service.registry import Action, AuditEntry
from glossator.service.statistics.drift import Alarm

OLD, NEW = "a" * 64, "b" * 64


def entry(action: Action, digest: str, day: int, alias: str | None = None, evidence: Any = None) -> AuditEntry:
    time = f"2026-01-{day:02d}T00:00:00.000+00:00"
    return AuditEntry(action, "tickets", digest, alias, "better", "ann", time, evidence)


def alarm(raised: float = 1_768_000_000.0) -> Alarm:
    return Alarm(
        summary="tokens", since=0, since_time=raised - 60, raised=64, raised_time=raised, event="tokens of at most 3",
        direction="more", at=3.0, labels=(), reference=0.1, recent=0.6,
    )  # fmt: skip


def noted(day: int) -> AuditEntry:
    times = {"raised_time": "2026-01-09T23:06:40Z", "since_time": "2026-01-09T23:05:40Z"}
    return entry("note", OLD, day, evidence={"message": "drifted", "alarm": {"summary": "tokens", **times}})


def logged(digest: str, day: int) -> ModelStatistics:
    return ModelStatistics("tickets", digest, records=1, first=f"2026-01-{day:02d}T00:00:00.000000Z")


def found(*args: Any, drift: list[LiveDrift] | None = None, canary: str | None = None) -> list[tuple[str, str]]:
    events = events_of(*args, drift or [], watched=OLD, canary=canary)
    assert [each.time for each in events] == sorted(each.time for each in events)
    return [(each.kind, each.title) for each in events]


def test_changes_of_the_registry_are_events() -> None:
    history = [
        entry("add", OLD, 1, "champion"),
        entry("add", NEW, 2),
        entry("alias", NEW, 3, "challenger"),
        entry("alias", NEW, 4, "champion"),
        entry("rollback", OLD, 5, "champion"),
        entry("note", OLD, 6),
        entry("remove", NEW, 7),
    ]
    assert [kind for kind, _ in found(history, [], {})] == [
        "deployed", "added", "alias", "promoted", "rolled-back", "note", "removed"
    ]  # fmt: skip
    event = events_of(history[3:4], [], {}, [], watched=None, canary=None)[0]
    assert event == ModelEvent(event.time, "promoted", f"Version {NEW[:12]} promoted", NEW, "better", "ann")


def test_the_second_note_about_an_alarm_ends_it() -> None:
    assert [kind for kind, _ in found([noted(10), noted(11)], [], {})] == ["alarm", "alarm-ended"]


def test_an_alarm_that_is_in_the_audit_is_not_listed_twice() -> None:
    drift = [LiveDrift("tokens", 64, alarm(), None)]
    assert found([noted(10)], [], {}, drift=drift) == [("alarm", "tokens drifted")]
    assert found([], [], {}, drift=drift) == [("alarm", "tokens drifted")]
    other = [LiveDrift("tokens", 64, alarm(1_768_100_000.0), None)]
    assert len(found([noted(10)], [], {}, drift=other)) == 2


def test_versions_that_begin_to_answer_are_events_unless_they_were_live() -> None:
    versions = [logged(OLD, 1), logged(NEW, 4)]
    assert found([], versions, {}) == [("first-answer", f"Version {NEW[:12]} answered for the first time")]
    assert found([], versions, {}, canary=NEW) == [("canary", f"Version {NEW[:12]} began to answer as a canary")]
    assert [kind for kind, _ in found([entry("alias", NEW, 3, "champion")], versions, {})] == ["promoted"]
    assert [kind for kind, _ in found([], [], {NEW: "2026-01-02T00:00:00.000000Z"})] == ["shadow"]

"""What an alarm of drift means, in words: what changed, since when, examples, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glossator.service.api.schemas.timeline import EventBody, TimelineBody
from glossator.service.monitoring.drift.summaries import TEXT_SUMMARIES
from glossator.service.statistics.drift_events import LABELS

TITLES = {
    "tokens": "Length of the texts",
    "surprise": "Unusual characters",
    "unknown_words": "Unknown words",
    "confidence": "Confidence",
    "entropy": "Indecision between labels",
    "score": "Score",
    "entities": "Entities",
    "answered": "Questions with an answer",
    LABELS: "Mix of labels",
}
UNITS = {
    "tokens": "tokens a text",
    "surprise": "bits a character",
    "unknown_words": "share of the words",
    "confidence": "probability, 0 to 1",
    "entropy": "bits",
    "score": "mean score",
    "entities": "entities a token",
    "answered": "share of the questions",
}
_TEXTS_CHANGED = (
    "The texts are not like those that the model was trained on: another topic, language, length or spelling."
)
_ANSWERS_CHANGED = (
    "The answers have changed. That can be harmless (a season, a campaign), or the model may be wrong more."
)
_UNSURE = "The model is less, or more, sure than it was. Its accuracy may have changed with it."


@dataclass(frozen=True, slots=True)
class AlarmView:
    """An alarm as the page explains it. `reference` and `recent` are shares of texts, 0 to 1."""

    id: str
    number: int
    summary: str
    title: str
    digest: str
    is_active: bool
    since: str
    raised: str
    ended: str
    what: str
    reference: float
    recent: float
    meaning: str
    distance: Mapping[str, Any] | None
    examples: Sequence[Mapping[str, Any]]
    needs_retraining: bool


def alarms_of(body: TimelineBody, numbers: Mapping[int, int]) -> list[AlarmView]:
    """Return the alarms of a timeline, the active ones and then the newest first.

    Args:
        body: The timeline.
        numbers: The number that the page shows for each event.
    """
    ends: dict[tuple[str, str, str], str] = {}
    for event in body.events:
        if event.kind == "alarm-ended":
            ends[_key(event)] = event.time
    found = [
        _alarm(event, numbers[place], ends.get(_key(event), ""))
        for place, event in enumerate(body.events)
        if event.kind == "alarm"
    ]
    return sorted(found, key=lambda each: (not each.is_active, -each.number))


def event_title(event: EventBody) -> str:
    """Return what happened, with the names of summaries in words."""
    if event.kind in ("alarm", "alarm-ended"):
        name = TITLES.get(str(_alarm_of(event)["summary"]), str(_alarm_of(event)["summary"]))
        return f"{name}: drifted" if event.kind == "alarm" else f"{name}: as in the reference again"
    return event.title


def _alarm(event: EventBody, number: int, ended: str) -> AlarmView:
    alarm, evidence = _alarm_of(event), event.evidence or {}
    summary = str(alarm["summary"])
    is_text = summary in TEXT_SUMMARIES
    return AlarmView(
        id=f"alarm-{number}",
        number=number,
        summary=summary,
        title=TITLES.get(summary, summary),
        digest=event.digest,
        is_active=not ended,
        since=str(alarm["since_time"]),
        raised=event.time,
        ended=ended,
        what=_event_in_words(alarm),
        reference=float(alarm.get("reference") or 0.0),
        recent=float(alarm.get("recent") or 0.0),
        meaning=_TEXTS_CHANGED if is_text else _ANSWERS_CHANGED if summary == LABELS else _UNSURE,
        distance=evidence.get("distance"),
        examples=evidence.get("examples") or [],
        needs_retraining=is_text or summary == LABELS,
    )


def _event_in_words(alarm: Mapping[str, Any]) -> str:
    """Return what a share of the texts has: `the label refund`, `tokens of at most 12`."""
    labels = alarm.get("labels") or []
    return f"the label {labels[0]}" if len(labels) == 1 else str(alarm.get("event", ""))


def _alarm_of(event: EventBody) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (event.evidence or {}).get(
        "alarm", {"summary": "?", "raised_time": "", "since_time": ""}
    )
    return found


def _key(event: EventBody) -> tuple[str, str, str]:
    alarm = _alarm_of(event)
    return event.digest, str(alarm["summary"]), str(alarm["raised_time"])

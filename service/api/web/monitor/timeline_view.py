"""A timeline as the page shows it: each panel with a sentence, a table, and the numbers of its chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from glossator.service.api.schemas.monitor import DriftBody, PeriodAccuracy
from glossator.service.api.schemas.timeline import BucketBody, TimelineBody
from glossator.service.api.web.monitor.alarm_view import TITLES, UNITS, AlarmView, alarms_of, event_title
from glossator.service.statistics.drift_events import LABELS

OTHER_LABELS = "other labels"
SIGNS = {
    "deployed": "deployed", "promoted": "promoted", "rolled-back": "rolled back", "added": "added", "alias": "alias",
    "removed": "removed", "note": "note", "alarm": "alarm", "alarm-ended": "alarm over", "canary": "canary",
    "shadow": "shadow", "first-answer": "new version",
}  # fmt: skip
"""What a line in a chart says about its event."""
NOTHING = "\u2013"
_VERSION = 12
_LABEL_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the page: a chart, or why there is none."""

    id: str
    title: str
    unit: str
    text: str
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    state: tuple[str, str] | None = None
    """A kind and a word, for the component `status`."""
    empty: str = ""
    """Why there is nothing to show."""
    has_chart: bool = True


@dataclass(frozen=True, slots=True)
class EventView:
    """An event in the list. `anchor`: the id of the explanation of an alarm."""

    number: int
    time: str
    kind: str
    title: str
    why: str
    by: str
    in_range: bool
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class TimelineView:
    """Everything that the page shows of a timeline."""

    body: TimelineBody
    panels: list[Panel]
    drift: list[Panel]
    alarms: list[AlarmView]
    events: list[EventView]
    newest: PeriodAccuracy | None
    chart: dict[str, Any] = field(default_factory=dict)


def view_timeline(body: TimelineBody, *, tolerance: float) -> TimelineView:
    """Return the view of a timeline. `tolerance`: the distance that counts as no drift."""
    numbers = {place: place + 1 for place in range(len(body.events))}
    alarms = alarms_of(body, numbers)
    events = [
        EventView(
            number=numbers[place],
            time=each.time,
            kind=each.kind,
            title=event_title(each),
            why=each.why if each.kind not in ("alarm", "alarm-ended") else "",
            by=each.by,
            in_range=body.since <= each.time < body.until,
            anchor=f"alarm-{numbers[place]}" if each.kind == "alarm" else "",
        )
        for place, each in enumerate(body.events)
    ]
    given = [each for each in body.buckets if each.answers]
    return TimelineView(
        body=body,
        panels=[
            _accuracy(body),
            _volume(body, given),
            _latency(body, given),
            _labels(body, given),
            *_quality(body, given),
        ],
        drift=[_drift(each, body, given, tolerance) for each in body.drift],
        alarms=alarms,
        events=events[::-1],
        newest=body.periods[-1] if body.periods else None,
        chart=_chart(body, alarms),
    )


def short_time(time: str) -> str:
    """Return a time to the minute: `2026-11-29 13:05`."""
    return time[:16].replace("T", " ")


def counted(count: int, noun: str) -> str:
    """Return a number of things: `1 answer`, `1,204 answers`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share in percent; a dash without one."""
    return NOTHING if share is None else f"{100 * share:.{digits}f} %"


def milliseconds(value: float | None) -> str:
    """Return a time that people can read: `4.2 ms`, `1.3 s`."""
    if value is None:
        return NOTHING
    return f"{value / 1e3:.1f} s" if value >= 1e3 else f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def shorten_label(label: str) -> str:
    """Return a label that fits into a legend."""
    return label if len(label) <= _LABEL_LENGTH else f"{label[: _LABEL_LENGTH - 1]}…"


def _accuracy(body: TimelineBody) -> Panel:
    title, unit = "Live accuracy", "share of right answers, %"
    if not body.periods:
        return Panel("accuracy", title, unit, "", empty="No answers have been drawn for review yet.")
    newest = body.periods[-1]
    found = newest.accuracy
    if found.value is None:
        text = f"The newest period has {counted(newest.answers, 'answer')}, and no review yet."
    else:
        text = (
            f"Between {percent(found.low)} and {percent(found.high)} of the {counted(newest.answers, 'answer')} in the "
            f"newest period are right ({percent(newest.confidence, 0)} confidence, however often you look); "
            f"best estimate {percent(found.value)}, from {counted(found.reviewed, 'review')}."
        )
    rows = [
        (
            short_time(each.since), short_time(each.until), each.digest[:_VERSION], f"{each.answers:,}",
            str(each.accuracy.reviewed), percent(each.accuracy.value), percent(each.accuracy.low),
            percent(each.accuracy.high),
        )
        for each in reversed(body.periods)
    ]  # fmt: skip
    heads = ("From", "Until", "Version", "Answers", "Reviews", "Estimate", "At least", "At most")
    is_inside = any(each.since < body.until and each.until > body.since for each in body.periods)
    if not is_inside:
        text += f" All periods are outside this time; the newest ended at {short_time(newest.until)}."
    return Panel("accuracy", title, unit, text, heads, rows, has_chart=is_inside)


def _volume(body: TimelineBody, given: Sequence[BucketBody]) -> Panel:
    length = _length(body.bucket_seconds)
    if not given:
        return Panel("volume", "Volume", f"answers in {length}", "", empty="No answers in this time.")
    most = max(given, key=lambda each: each.answers)
    text = (
        f"{counted(body.total.answers, 'answer')}. The most in {length}: {most.answers:,}, at {short_time(most.time)}. "
        f"The last: {short_time(given[-1].time)}."
    )
    rows = [(short_time(each.time), f"{each.answers:,}", f"{each.requests:,}") for each in reversed(given)]
    return Panel("volume", "Volume", f"answers in {length}", text, ("Time", "Answers", "Requests"), rows)


def _latency(body: TimelineBody, given: Sequence[BucketBody]) -> Panel:
    title, unit = "Time on the server", "milliseconds a request"
    timed = [each for each in given if each.p99_ms is not None]
    if not timed:
        return Panel("latency", title, unit, "", empty="No requests in this time. Jobs have no waiting caller.")
    worst = max(timed, key=lambda each: each.p99_ms or 0.0)
    text = (
        f"Half of {counted(body.total.requests, 'request')} took at most {milliseconds(body.total.p50_ms)}, 99 % at "
        f"most {milliseconds(body.total.p99_ms)} (within 5 %). Slowest: p99 {milliseconds(worst.p99_ms)} "
        f"at {short_time(worst.time)}."
    )
    rows = [
        (short_time(each.time), f"{each.requests:,}", milliseconds(each.p50_ms), milliseconds(each.p99_ms))
        for each in reversed(timed)
    ]
    return Panel("latency", title, unit, text, ("Time", "Requests", "p50", "p99"), rows)


def _labels(body: TimelineBody, given: Sequence[BucketBody]) -> Panel:
    title, unit = "Label mix", "share of all labels, %"
    total = sum(body.total.labels.values()) + body.total.other_labels
    if not total:
        return Panel("labels", title, unit, "", empty="The answers in this time have no labels.")
    shares = [f"{shorten_label(label)} {percent(body.total.labels[label] / total, 0)}" for label in body.labels]
    rest = f"; {OTHER_LABELS} {percent(body.total.other_labels / total, 0)}" if body.total.other_labels else ""
    rows = [
        (
            short_time(each.time),
            *(f"{each.labels.get(label, 0):,}" for label in body.labels),
            *((f"{each.other_labels:,}",) if rest else ()),
        )
        for each in reversed(given)
    ]
    heads = ("Time", *body.labels, *((OTHER_LABELS,) if rest else ()))
    return Panel("labels", title, unit, f"{', '.join(shares)}{rest}.", heads, rows)


def _quality(body: TimelineBody, given: Sequence[BucketBody]) -> list[Panel]:
    found = []
    if body.total.mean_confidence is not None:
        rows = [(short_time(each.time), _number(each.mean_confidence)) for each in reversed(given)]
        text = f"{_number(body.total.mean_confidence)} on average: what the model believes of itself, no measurement."
        found.append(Panel("confidence", "Mean confidence", "0 to 1", text, ("Time", "Mean confidence"), rows))
    if given:
        share = body.total.truncated / body.total.answers
        cut = [(short_time(each.time), f"{each.truncated:,}", f"{each.answers:,}") for each in reversed(given)]
        text = f"{body.total.truncated:,} of {counted(body.total.answers, 'text')} were cut off ({percent(share)})."
        found.append(
            Panel("truncated", "Cut-off texts", "share of the texts, %", text, ("Time", "Cut off", "Answers"), cut)
        )
    return found


def _drift(found: DriftBody, body: TimelineBody, given: Sequence[BucketBody], tolerance: float) -> Panel:
    name = found.summary
    reference = body.references.get(name)
    distance = found.distance
    if distance is None:
        text, state = f"Too few texts to compare: {found.texts:,}.", ("off", "too few texts")
    else:
        text = f"Distance from the reference {distance['value']:.2f} ({distance['low']:.2f} to {distance['high']:.2f})."
        state = ("good", "within the tolerance") if distance["high"] <= tolerance else ("info", "not shown")
    if found.drifted:
        state = ("bad", "drifted")
    if reference is not None:
        text += f" Reference texts: mean {_number(reference.mean)}, "
        text += f"half of them {_number(reference.low)} to {_number(reference.high)}."
    rows = [
        (short_time(each.time), _number(each.summaries[name])) for each in reversed(given) if name in each.summaries
    ]
    if name == LABELS:
        text += " Its chart is the label mix above."
    title, unit = TITLES.get(name, name), UNITS.get(name, "")
    return Panel(f"drift-{name}", title, unit, text, ("Time", "Mean"), rows, state, has_chart=bool(rows))


def _chart(body: TimelineBody, alarms: Sequence[AlarmView]) -> dict[str, Any]:
    """Return the numbers of the charts in columns. Times are seconds since 1970."""
    buckets = body.buckets
    has_other = body.total.other_labels > 0
    counts = [[each.labels.get(label, 0) for each in buckets] for label in body.labels]
    if has_other:
        counts.append([each.other_labels for each in buckets])
    totals = [sum(column) for column in zip(*counts, strict=True)] if counts else []
    return {
        "complete": body.complete,
        "since": _seconds(body.since),
        "until": _seconds(body.until),
        "width": body.bucket_seconds,
        "times": [_seconds(each.time) for each in buckets],
        "answers": [each.answers for each in buckets],
        "p50": [each.p50_ms for each in buckets],
        "p99": [each.p99_ms for each in buckets],
        "confidence": [each.mean_confidence for each in buckets],
        "truncated": [each.truncated / each.answers if each.answers else None for each in buckets],
        "labels": [
            {"name": name, "shares": [n / total if total else None for n, total in zip(column, totals, strict=True)]}
            for name, column in zip([*map(shorten_label, body.labels), OTHER_LABELS], counts, strict=False)
        ],
        "periods": [
            {"since": _seconds(each.since), "until": _seconds(each.until), "value": each.accuracy.value,
             "low": each.accuracy.low, "high": each.accuracy.high}
            for each in body.periods
        ],
        "drift": {each.summary: [bucket.summaries.get(each.summary) for bucket in buckets] for each in body.drift},
        "references": {name: each.model_dump() for name, each in body.references.items()},
        "events": [
            {"number": place + 1, "time": _seconds(each.time), "kind": each.kind, "sign": SIGNS[each.kind]}
            for place, each in enumerate(body.events)
            if body.since <= each.time < body.until
        ],
        "drifted": [
            {"summary": each.summary, "since": _seconds(each.since), "until": _seconds(each.ended or body.until)}
            for each in alarms if each.since
        ],
        "versions": [each.digest for each in reversed(body.versions)],
    }  # fmt: skip


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3g}"


def _length(seconds: int) -> str:
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= unit and seconds % unit == 0:
            count = seconds // unit
            return f"a {name}".replace("a hour", "an hour") if count == 1 else f"{count} {name}s"
    return f"{seconds} seconds"

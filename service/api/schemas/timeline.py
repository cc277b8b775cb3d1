"""What a deployed model did over time, as OpenAPI shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from glossator.service.api.monitoring.model_events import EventKind, ModelEvent
from glossator.service.api.monitoring.model_timeline import ModelTimeline
from glossator.service.api.monitoring.monitor_service import ReferenceRange
from glossator.service.api.schemas.monitor import DriftBody, LoggedVersion, PeriodAccuracy, version_body
from glossator.service.monitoring.timeline.slots import Slot
from glossator.service.monitoring.timeline.timeline import Bucket, frequent_labels, total_of
from glossator.service.reviews.accuracy.monitor_json import period_to_json

SHOWN_LABELS = 7
_DIGITS = 6


class SumBody(BaseModel):
    """Sums over some answers."""

    answers: int
    requests: Annotated[int, Field(description="Requests of the API, for `p50_ms` and `p99_ms`; jobs do not count.")]
    truncated: Annotated[int, Field(description="Answers to texts that were cut off.")]
    mean_confidence: float | None
    p50_ms: Annotated[float | None, Field(description="The median of the time on the server, within 5 %.")]
    p99_ms: Annotated[float | None, Field(description="99 % of the requests took at most this time, within 5 %.")]
    labels: Annotated[dict[str, int], Field(description="How often each of the `labels` of the timeline was given.")]
    other_labels: Annotated[int, Field(description="How often any other label was given.")]
    summaries: Annotated[dict[str, float], Field(description="Means of the numbers that drift is measured by.")]


class BucketBody(SumBody):
    """The answers from `time` until the time of the next bucket."""

    time: str


class ReferenceBody(BaseModel):
    """A summary of the reference texts in the bundle: its mean, and the range that the middle half of them has."""

    mean: float
    low: float
    high: float


class EventBody(BaseModel):
    """Something that happened to the model."""

    time: str
    kind: EventKind
    title: str
    digest: str
    why: str
    by: str
    evidence: Annotated[dict[str, Any] | None, Field(description="The numbers behind it.")]


class TimelineBody(BaseModel):
    """What a deployed model did over time."""

    model: str
    live: Annotated[str | None, Field(description="The digest of the live version; null while it is not loaded.")]
    since: str
    until: str
    bucket_seconds: int
    complete: Annotated[
        bool, Field(description="False: the oldest files of a large log are not counted yet; ask again.")
    ]
    versions: Annotated[list[LoggedVersion], Field(description="All versions in the log, whatever the time.")]
    labels: Annotated[list[str], Field(description="The most frequent labels of this time.")]
    total: SumBody
    buckets: list[BucketBody]
    periods: Annotated[list[PeriodAccuracy], Field(description="All review periods, the oldest first.")]
    drift: Annotated[list[DriftBody], Field(description="As in GET /v1/models/{name}/monitor.")]
    references: Annotated[dict[str, ReferenceBody], Field(description="The summaries of the reference texts.")]
    events: Annotated[list[EventBody], Field(description="All events, the oldest first.")]
    errors: Annotated[
        dict[str, int],
        Field(description="Problems and texts without an answer by code: of all models, since this process started."),
    ]


def timeline_body(found: ModelTimeline) -> TimelineBody:
    """Return the body of a response."""
    measured, total = found.measured, total_of(found.measured.buckets)
    labels = frequent_labels(total, SHOWN_LABELS)
    return TimelineBody(
        model=found.model,
        live=found.live,
        since=_iso(measured.span.since),
        until=_iso(measured.span.until),
        bucket_seconds=measured.span.width,
        complete=measured.counted.complete,
        versions=[version_body(each) for each in measured.counted.versions],
        labels=labels,
        total=SumBody(**_sums(total, labels)),
        buckets=[_bucket(each, labels) for each in measured.buckets],
        periods=[PeriodAccuracy(**period_to_json(each)) for each in measured.history],
        drift=[DriftBody(**each.to_dict()) for each in found.drift],
        references={name: _reference(each) for name, each in found.references.items()},
        events=[_event(each) for each in found.events],
        errors=found.errors,
    )


def _bucket(bucket: Bucket, labels: list[str]) -> BucketBody:
    return BucketBody(time=_iso(bucket.start), **_sums(bucket.answers, labels))


def _sums(slot: Slot, labels: list[str]) -> dict[str, Any]:
    found = slot.statistics
    counts = {label: found.labels[label] for label in labels if found.labels[label]}
    return {
        "answers": found.records,
        "requests": slot.requests,
        "truncated": found.truncated,
        "mean_confidence": _rounded(found.mean_confidence),
        "p50_ms": _milliseconds(slot.percentile(0.5)),
        "p99_ms": _milliseconds(slot.percentile(0.99)),
        "labels": counts,
        "other_labels": found.labels.total() - sum(counts.values()),
        "summaries": {
            name: round(mean.value, _DIGITS) for name, mean in sorted(slot.summaries.items()) if mean.value is not None
        },
    }


def _reference(found: ReferenceRange) -> ReferenceBody:
    return ReferenceBody(mean=found.mean, low=found.low, high=found.high)


def _event(event: ModelEvent) -> EventBody:
    return EventBody(
        time=_iso(event.time),
        kind=event.kind,
        title=event.title,
        digest=event.digest,
        why=event.why,
        by=event.by,
        evidence=None if event.evidence is None else dict(event.evidence),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(1e3 * seconds, 3)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

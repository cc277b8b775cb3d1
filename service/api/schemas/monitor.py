"""What is known of a deployed model, as OpenAPI shows it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from glossator.service.api.monitoring.monitor_service import Measured
from glossator.service.monitoring.drift.events import LiveDrift
from glossator.service.monitoring.prediction_log.reader import ModelStatistics
from glossator.service.reviews.accuracy.monitor_json import accuracy_to_json, period_to_json

SliceField = Literal["route", "key", "version", "tier", "truncated", "windows", "tokens", "confidence", "time"]


class LoggedVersion(BaseModel):
    """The logged answers of one version of a model."""

    digest: str
    answers: int
    first: Annotated[str, Field(description="Time of the first answer, ISO 8601, UTC.")]
    last: str
    truncated: Annotated[int, Field(description="Answers to texts that were cut off.")]
    mean_confidence: float | None


class AccuracyEstimate(BaseModel):
    """An accuracy, 0 to 1, from reviewed draws. `low` and `high` hold with the stated confidence at all times."""

    value: Annotated[float | None, Field(description="The best estimate; null before the first review.")]
    low: float
    high: float
    worst_low: Annotated[float, Field(description="As `low`, if all skipped answers are wrong.")]
    worst_high: Annotated[float, Field(description="As `high`, if all skipped answers are right.")]
    reviewed: Annotated[int, Field(description="Reviewed draws that were not skipped.")]
    skipped: int


class PartEstimate(AccuracyEstimate):
    """The accuracy of some of the answers. All intervals of one list hold together."""

    answers: int
    if_calibrated: float | None


class SliceBody(PartEstimate):
    """The accuracy of the answers with one value, or range of values, of a field."""

    field: SliceField
    slice: str


class F1Body(BaseModel):
    """The micro F1 of entities (strict) or labels."""

    parts: Literal["entities", "labels"]
    value: float | None
    low: float
    high: float
    worst_low: float
    worst_high: float
    texts: Annotated[int, Field(description="Reviewed draws whose right answer is known.")]
    without_gold: Annotated[int, Field(description="Wrong ones whose right answer is not; they widen the interval.")]
    over_limit: Annotated[int, Field(description="Draws that missed more entities or labels than are counted.")]


class CountsBody(BaseModel):
    """Labels, or entities with this label, in the reviewed draws whose right answer is known."""

    served: int
    gold: int
    both: int


class PeriodAccuracy(BaseModel):
    """The accuracy of the answers of one period: of whole answers, with all labels or entities, or the span."""

    period: str
    model: str
    digest: str
    since: str
    until: str
    answers: int
    confidence: Annotated[float, Field(description="Of the intervals.")]
    accuracy: AccuracyEstimate
    if_calibrated: Annotated[
        float | None, Field(description="The mean confidence: the accuracy if the confidences are calibrated.")
    ]


class DetailedAccuracy(PeriodAccuracy):
    """The accuracy of a period with its parts."""

    draws: int
    waiting: Annotated[int, Field(description="Drawn answers without a review.")]
    ahead: Annotated[int, Field(description="Reviews that do not count yet: an earlier draw has none.")]
    needed_for_2_points: Annotated[
        int | None, Field(description="About how many reviewed draws make the interval +-2 points.")
    ]
    labels: dict[str, PartEstimate]
    slices: list[SliceBody]
    f1: F1Body | None
    label_counts: dict[str, CountsBody]


class DriftBody(BaseModel):
    """Whether one summary of the texts and answers has drifted from the reference of the bundle."""

    summary: str
    drifted: bool
    texts: Annotated[int, Field(description="Texts that were compared.")]
    distance: Annotated[dict[str, Any] | None, Field(description="How far recent texts are from the reference.")]
    alarm: Annotated[dict[str, Any] | None, Field(description="What changed, since when.")]


class MonitorBody(BaseModel):
    """What is known of a deployed model."""

    model: str
    versions: Annotated[
        list[LoggedVersion], Field(description="The versions in the log; the one that answered last at the end.")
    ]
    complete: Annotated[
        bool, Field(description="False: the oldest files of a large log are not counted yet; ask again.")
    ]
    period: Annotated[DetailedAccuracy | None, Field(description="The newest period; null if there is none.")]
    history: Annotated[list[PeriodAccuracy], Field(description="All periods, the oldest first, with `history=true`.")]
    drift: Annotated[
        list[DriftBody],
        Field(
            description="Of the live version, or if it has not answered yet of the one that answered last; empty "
            "without a reference in its bundle."
        ),
    ]


def monitor_body(model: str, measured: Measured, drift: list[LiveDrift]) -> MonitorBody:
    """Return the body of a response."""
    return MonitorBody(
        model=model,
        versions=[version_body(each) for each in measured.counted.versions],
        complete=measured.counted.complete,
        period=None if measured.accuracy is None else DetailedAccuracy(**accuracy_to_json(measured.accuracy)),
        history=[PeriodAccuracy(**period_to_json(each)) for each in measured.history],
        drift=[DriftBody(**each.to_dict()) for each in drift],
    )


def version_body(found: ModelStatistics) -> LoggedVersion:
    """Return what is counted of one version."""
    return LoggedVersion(
        digest=found.digest,
        answers=found.records,
        first=found.first,
        last=found.last,
        truncated=found.truncated,
        mean_confidence=found.mean_confidence,
    )

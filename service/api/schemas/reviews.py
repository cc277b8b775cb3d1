"""Bodies of reviews, as OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.api.schemas.requests import FirstFault
from glossator.service.reviews.records import Kind
from glossator.service.reviews.review_rows import MOST_COMMENT_CHARACTERS, MOST_NAME_CHARACTERS

MOST_REVIEWS = 1_000
MOST_LABELS = 10_000
Offset = Annotated[int, Field(ge=0, lt=2**31)]


class _StrictBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class GoldSpan(_StrictBody):
    """A span of the text, in code points: `text[start:end]`."""

    start: Offset
    end: Offset


class GoldEntity(GoldSpan):
    """A span with its label."""

    label: Annotated[str, Field(max_length=MOST_NAME_CHARACTERS)]


class NoSpan(_StrictBody):
    """There is no answer."""


class ReviewBody(_StrictBody):
    """What a reviewer says about one item: exactly one of `correct`, `skip` and the right answers (`gold_...`)."""

    item: Annotated[int, Field(ge=0, lt=2**53, description="A number from GET /v1/reviews/{name}/next.")]
    correct: Annotated[bool | None, Field(description="Whether the whole answer is right.")] = None
    skip: Annotated[bool | None, Field(description="The reviewer cannot tell.")] = None
    gold_labels: Annotated[
        list[Annotated[str, Field(max_length=MOST_NAME_CHARACTERS)]] | None,
        FirstFault(),
        Field(max_length=MOST_LABELS, description="The right labels. The answer is right if it has the same."),
    ] = None
    gold_entities: Annotated[
        list[GoldEntity] | None, FirstFault(), Field(max_length=MOST_LABELS, description="All entities of the text.")
    ] = None
    gold_span: Annotated[
        GoldSpan | NoSpan | None, Field(description="The right answer to the question; {}: there is none.")
    ] = None
    comment: Annotated[str | None, Field(max_length=MOST_COMMENT_CHARACTERS)] = None
    seconds: Annotated[float | None, Field(ge=0.0, le=1e6, strict=False, description="How long the reviewer took.")] = (
        None
    )


class ReviewBatch(_StrictBody):
    """Reviews of items of one period. Sending the same again changes nothing."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"period": f"period_{'0' * 24}", "reviews": [{"item": 17, "correct": True}]}]}
    )

    period: Annotated[str, Field(max_length=64, description="As GET /v1/reviews/{name}/next says.")]
    reviews: Annotated[list[ReviewBody], FirstFault(), Field(min_length=1, max_length=MOST_REVIEWS)]
    reviewer: Annotated[
        str | None,
        Field(max_length=MOST_NAME_CHARACTERS, description="Only on a server without keys; else it is the key's name."),
    ] = None
    adjudicator: Annotated[
        bool, Field(description="These answers count instead of those of reviewers. Needs the scope admin.")
    ] = False
    new_labels: Annotated[bool, Field(description="Allow right labels that the model does not have.")] = False


class StoredReviews(BaseModel):
    """How many reviews were stored durably."""

    period: str
    new: Annotated[int, Field(ge=0)]
    known: Annotated[int, Field(ge=0, description="They say the same as before.")]


class PeriodRequest(_StrictBody):
    """Which logged answers to freeze, and how many to draw."""

    since: Annotated[str | None, Field(max_length=64, description="ISO 8601; default: all that are logged.")] = None
    until: Annotated[
        str | None, Field(max_length=64, description="ISO 8601; default: now. Give it to make repetitions harmless.")
    ] = None
    version: Annotated[
        str | None, Field(max_length=64, description="Digest of the bundle, or how it begins; default: the last one.")
    ] = None
    labels: Annotated[int, Field(ge=1, le=100_000, description="The number of draws.")] = 200
    overlap: Annotated[
        float | None, Field(ge=0.0, le=1.0, strict=False, description="The share of items that wants two reviewers.")
    ] = None


class PeriodBody(BaseModel):
    """A frozen list of logged answers of one version of a model."""

    period: str
    model: str
    version: Annotated[str, Field(description="SHA-256 digest of the bundle that answered.")]
    since: str
    until: str
    answers: int
    kind: Annotated[Kind, Field(description="What an answer is: one label at most, labels, entities, or a span.")]
    labels: Annotated[list[str], Field(description="The labels of the model, or those that its log shows.")]


class OpinionBody(BaseModel):
    """What one reviewer said."""

    reviewer: str
    role: Literal["reviewer", "adjudicator"]
    verdict: Literal["right", "wrong", "skipped"]
    gold: Annotated[dict[str, Any] | None, Field(description="The right labels, entities or span, if given.")] = None
    comment: str | None = None


class QueuedItemBody(BaseModel):
    """An answer to review."""

    item: int
    sha256: Annotated[str, Field(description="SHA-256 of the text.")]
    text: Annotated[str | None, Field(description="Absent if texts are not logged, or if it was erased.")] = None
    second: str | None = None
    answer: Annotated[
        dict[str, Any],
        Field(description="`labels`, `entities` or `span`, as served; empty with `blind`. Offsets count code points."),
    ]
    reviews: Annotated[list[OpinionBody], Field(description="What reviewers said; only where they differ.")] = []


class ReviewQueue(PeriodBody):
    """Answers to review."""

    items: list[QueuedItemBody]


class UndoneReview(BaseModel):
    """Whether a review was withdrawn."""

    period: str
    item: int
    reviewer: str
    undone: Annotated[bool, Field(description="False: this reviewer says nothing about the item.")]


class ReviewerBody(BaseModel):
    """What one reviewer has done."""

    name: str
    role: Literal["reviewer", "adjudicator"]
    reviews: int
    skipped: int
    seconds: Annotated[float | None, Field(description="Median per review, if known.")]


class AgreementBody(BaseModel):
    """Krippendorff's alpha. null where it is not defined."""

    alpha: float | None
    low: float | None
    high: float | None
    units: Annotated[int, Field(description="Items with two values or more.")]
    same: Annotated[float | None, Field(description="The share of pairs of reviewers who say the same.")]


class AnswerAgreementBody(AgreementBody):
    """Agreement on the right answer."""

    distance: Literal["nominal", "MASI", "exact"]


class ReviewersAgreementBody(BaseModel):
    """How far reviewers agree, on items that several have answered."""

    verdicts: AgreementBody
    answers: AnswerAgreementBody
    unstated: Annotated[int, Field(description="Items that `answers` leaves out: a reviewer said wrong and no more.")]


class OverlapBody(BaseModel):
    """Items that want two reviewers."""

    share: float
    items: int
    reviewed_by_several: int


class AccuracyBody(BaseModel):
    """The accuracy of the answers of the period: with the stated confidence between `low` and `high`, however often
    you look. `worst_low` and `worst_high`: whether skipped items are right or wrong."""

    value: float | None
    low: float
    high: float
    worst_low: float
    worst_high: float
    reviewed: int
    skipped: int
    confidence: float


class ReviewStatusBody(PeriodBody):
    """How far the reviews of the newest period are."""

    draws: int
    items: Annotated[int, Field(description="Different items that were drawn.")]
    reviewed: int
    skipped: int
    missing: Annotated[int, Field(description="Reviews that are still wanted.")]
    leased: int
    undone: int
    overlap: OverlapBody
    differing: Annotated[list[int], Field(description="Items where reviewers differ, for an adjudicator.")]
    reviewers: list[ReviewerBody]
    agreement: ReviewersAgreementBody
    accuracy: AccuracyBody
    sentence: Annotated[str, Field(description="What is known about the accuracy, in words.")]

"""Bodies of promotions, as OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.api.models.promotion_service import Standing, Tasks
from glossator.service.api.schemas.errors import FailedText
from glossator.service.api.schemas.requests import FirstFault
from glossator.service.api.schemas.reviews import MOST_LABELS, MOST_REVIEWS, GoldEntity, GoldSpan, NoSpan
from glossator.service.promotion.champion_changes import is_forced
from glossator.service.promotion.tasks import MOST_CHARACTERS, MOST_NAME_CHARACTERS
from glossator.service.registry import AuditEntry

MOST_TASKS = 100
ChallengeId = Annotated[str, Field(max_length=64, description="As GET /v1/promotions/{name}/tasks says.")]


class _StrictBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class EvidenceBody(BaseModel):
    """What the reviews show about the difference of the accuracies, candidate minus baseline, on all texts."""

    margin: Annotated[float, Field(description="By how much the candidate may be worse, as a share.")]
    alpha: Annotated[float, Field(description="The error probability that this challenge may spend.")]
    texts: Annotated[int, Field(description="Frozen texts that both versions answered.")]
    disagreements: int
    reviewed: Annotated[int, Field(description="Reviews that count, skipped ones among them.")]
    ahead: Annotated[int, Field(description="Reviews that do not count yet: one before them is missing.")]
    verdicts: Annotated[dict[str, int], Field(description="candidate, baseline, both, neither, skipped.")]
    difference: Annotated[float | None, Field(description="The best estimate; null before the first text.")]
    difference_low: float
    difference_high: float
    confidence: Annotated[float, Field(description="Of the interval, however often you look.")]
    log_e_traffic: Annotated[float, Field(description="About texts like these: the logarithm of the e-value.")]
    log_e_logged: Annotated[float, Field(description="About these texts.")]
    log_e_needed: Annotated[float, Field(description="Both must reach it.")]
    reviews_needed: Annotated[int | None, Field(description="About how many decide; null: unknown, or none would.")]
    shown: Annotated[
        bool, Field(description="The candidate may be promoted if it passes the gates, or must be rolled back.")
    ]


class ChallengeBody(BaseModel):
    """An open comparison of two versions. The gates (golden rows, latency, memory, test file) are not part of it."""

    challenge: str
    model: str
    direction: Annotated[
        Literal["promote", "roll back"],
        Field(description="May the candidate become champion? Or must it, the champion, give way to the baseline?"),
    ]
    candidate: Annotated[str, Field(description="SHA-256 digest of the bundle.")]
    baseline: str
    number: Annotated[int, Field(description="Counts the challenges of one champion, from 1 on.")]
    total_alpha: Annotated[float, Field(description="Of all challenges of this champion together.")]
    state: Literal["open", "deciding"]
    waiting: Annotated[int, Field(description="Stored disagreements without a review.")]
    evidence: EvidenceBody


class PromotionStatus(BaseModel):
    """The open comparisons of a model, the oldest first."""

    model: str
    challenges: list[ChallengeBody]


class FreezeRequest(_StrictBody):
    """Which texts to freeze: all that both versions answered since the last ones."""

    challenge: Annotated[str | None, Field(max_length=64, description="Default: the newest open one.")] = None
    new: Annotated[bool, Field(description="Also before the last ones are reviewed, and fewer than 200.")] = False


Reason = Annotated[
    str, Field(min_length=1, max_length=MOST_CHARACTERS, pattern=r"\S", description="Why, for the audit.")
]
Expected = Annotated[
    str | None,
    Field(pattern="^[0-9a-f]{64}$", description="The digest that must be the champion until now; default: any."),
]


class PromoteRequest(_StrictBody):
    """Which version becomes the champion, and why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "better on refunds"}]})

    reason: Reason
    version: Annotated[str, Field(max_length=64, description="An alias, a digest, or 7 or more digits of one.")] = (
        "challenger"
    )
    expected: Expected = None
    force: Annotated[
        bool, Field(description="Also if the evidence does not allow it. The audit says that it was forced.")
    ] = False


class RollBackRequest(_StrictBody):
    """Why the previous champion becomes the champion again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "wrong answers about invoices"}]})

    reason: Reason
    expected: Expected = None


class ChampionChange(BaseModel):
    """A line of the audit: another version is the champion. The server loads and verifies it, and then it answers."""

    model: str
    digest: Annotated[str, Field(description="SHA-256 digest of the champion.")]
    action: Literal["alias", "rollback"]
    why: str
    by: Annotated[str, Field(description="The name of the key, or the user of the server.")]
    time: Annotated[str, Field(description="ISO 8601, UTC.")]
    forced: Annotated[bool, Field(description="The evidence alone did not allow it.")]
    evidence: Annotated[dict[str, Any] | None, Field(description="The numbers behind it, as in the audit.")]


class DisagreementBody(BaseModel):
    """A text that two versions answered differently: `a` and `b` are their answers in random order."""

    item: str
    sha256: Annotated[str, Field(description="SHA-256 of the text.")]
    text: Annotated[str | None, Field(description="Absent if texts are not logged.")] = None
    second: str | None = None
    a: Annotated[dict[str, Any], Field(description="`labels`, `entities` or `span`, with `offset_unit`.")]
    b: dict[str, Any]


class PromotionTasks(BaseModel):
    """Disagreements to review."""

    challenge: str
    model: str
    waiting: Annotated[int, Field(description="Stored disagreements without a review; these are the first.")]
    tasks: list[DisagreementBody]


class DisagreementReviewBody(_StrictBody):
    """What a reviewer says about one task: exactly one of `right`, `skip` and the right answers (`gold_...`)."""

    item: Annotated[str, Field(max_length=64, description="Of the task.")]
    right: Annotated[Literal["a", "b", "both", "neither"] | None, Field(description="Which answer is right.")] = None
    skip: Annotated[bool | None, Field(description="The reviewer cannot tell. It counts against the change.")] = None
    gold_labels: Annotated[
        list[Annotated[str, Field(max_length=MOST_NAME_CHARACTERS)]] | None,
        FirstFault(),
        Field(max_length=MOST_LABELS, description="The right labels."),
    ] = None
    gold_entities: Annotated[
        list[GoldEntity] | None, FirstFault(), Field(max_length=MOST_LABELS, description="All entities of the text.")
    ] = None
    gold_span: Annotated[
        GoldSpan | NoSpan | None, Field(description="The right answer to the question; {}: there is none.")
    ] = None
    comment: Annotated[str | None, Field(max_length=MOST_CHARACTERS)] = None


class DisagreementReviews(_StrictBody):
    """Reviews of tasks of one comparison. Sending the same again changes nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"challenge": "challenge_6f8e0733d64d781a", "reviews": [{"item": "0-1", "right": "a"}]}]
        }
    )

    challenge: ChallengeId
    reviews: Annotated[list[DisagreementReviewBody], FirstFault(), Field(min_length=1, max_length=MOST_REVIEWS)]
    reviewer: Annotated[
        str | None,
        Field(max_length=MOST_NAME_CHARACTERS, description="Only on a server without keys; else it is the key's name."),
    ] = None
    new_labels: Annotated[bool, Field(description="Allow right labels that neither version has.")] = False


class StoredDisagreementReview(BaseModel):
    """A review that is stored durably."""

    item: str
    status: Annotated[Literal["stored", "known"], Field(description="`known`: it says the same as before.")]


class DisagreementReviewResults(BaseModel):
    """One result per review, in their order."""

    challenge: str
    results: list[StoredDisagreementReview | FailedText]


def challenge_body(found: Standing) -> ChallengeBody:
    """Return the body of an open challenge."""
    challenge = found.challenge
    return ChallengeBody(
        challenge=challenge.id,
        model=challenge.model,
        direction=challenge.direction,
        candidate=challenge.candidate,
        baseline=challenge.baseline,
        number=challenge.number,
        total_alpha=challenge.total_alpha,
        state="deciding" if challenge.state == "deciding" else "open",
        waiting=found.waiting,
        evidence=EvidenceBody(**found.evidence.to_dict()),
    )


def champion_change(entry: AuditEntry) -> ChampionChange:
    """Return the body of a change of the champion."""
    return ChampionChange(
        model=entry.name,
        digest=entry.digest,
        action="rollback" if entry.action == "rollback" else "alias",
        why=entry.why,
        by=entry.by,
        time=entry.time,
        forced=is_forced(entry),
        evidence=None if entry.evidence is None else dict(entry.evidence),
    )


def tasks_body(found: Tasks) -> PromotionTasks:
    """Return the body of tasks, with the fields that each has."""
    names = ("item", "sha256", "text", "second", "a", "b")
    return PromotionTasks(
        challenge=found.challenge.id,
        model=found.challenge.model,
        waiting=found.waiting,
        tasks=[DisagreementBody(**{name: each[name] for name in names if name in each}) for each in found.tasks],
    )

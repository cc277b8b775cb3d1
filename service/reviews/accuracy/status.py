"""How far the reviews of a period are: counts, reviewers, agreement, and the accuracy so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from glossator.service.reviews.accuracy.counting import Answers, disagreements, reviews_missing, wanted_twice
from glossator.service.reviews.accuracy.live_accuracy import LiveAccuracy, live_accuracy
from glossator.service.reviews.agreement import ReviewerAgreement, agreement_of
from glossator.service.reviews.records import Period, Role

if TYPE_CHECKING:
    from glossator.service.reviews.store import ReviewStore
    from glossator.service.statistics.confidence_sequence import Interval


@dataclass(frozen=True, slots=True)
class Reviewer:
    """What one reviewer has done. `seconds`: the median per review, if it is known."""

    name: str
    role: Role
    reviews: int
    skipped: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class ReviewStatus:
    """The reviews of a period.

    `drawn`: different items that were drawn. `missing`: reviews that they still want. `twice`: items that want two
    reviewers, `shared`: items that two or more have answered. `differing`: items where reviewers differ, for an
    adjudicator. `leased`: items that somebody is looking at.
    """

    period: Period
    drawn: int
    reviewed: int
    skipped: int
    missing: int
    overlap: float
    twice: int
    shared: int
    differing: list[int]
    leased: int
    undone: int
    reviewers: list[Reviewer]
    agreement: ReviewerAgreement
    accuracy: LiveAccuracy


def review_status(store: ReviewStore, period: Period, *, alpha: float = 0.05) -> ReviewStatus:
    """Return how far the reviews of a period are."""
    draws, answers, share = store.draws(period.id), store.answers(period.id), store.overlap(period.id)
    counting = store.reviews(period.id)
    twice = wanted_twice(period, draws, share)
    return ReviewStatus(
        period=period,
        drawn=len(set(draws)),
        reviewed=len(counting),
        skipped=sum(each.verdict == "skipped" for each in counting.values()),
        missing=sum(reviews_missing(draws, answers, twice).values()),
        overlap=share,
        twice=len(twice),
        shared=sum(len({each.reviewer for each in found}) > 1 for found in answers.values()),
        differing=disagreements(period, answers),
        leased=len(store.leases(period.id)),
        undone=sum(row.undone for row in store.history(period.id)),
        reviewers=_reviewers(answers),
        agreement=agreement_of(period, answers),
        accuracy=live_accuracy(store, period, alpha=alpha, details=False),
    )


def accuracy_sentence(found: LiveAccuracy) -> str:
    """Return what is known about the accuracy of a period, in one sentence."""
    estimate = found.estimate
    if estimate.value is None:
        return "no reviews yet: the accuracy is not known"
    skips = f"; skipped: {estimate.skipped:,}, with them {_range(estimate.worst)}" if estimate.skipped else ""
    return (
        f"accuracy {_range(estimate.interval)} ({100 * (1 - found.alpha):g} %, however often you look), "
        f"from {estimate.labels:,} reviewed draws{skips}"
    )


def status_to_json(found: ReviewStatus) -> dict[str, Any]:
    """Return the status as JSON-ready fields."""
    period, estimate = found.period, found.accuracy.estimate
    return {
        "period": period.id,
        "model": period.model,
        "digest": period.digest,
        "since": period.since,
        "until": period.until,
        "answers": len(period.items),
        "kind": period.scheme.kind,
        "labels": list(period.scheme.labels),
        "draws": found.accuracy.draws,
        "items": found.drawn,
        "reviewed": found.reviewed,
        "skipped": found.skipped,
        "missing": found.missing,
        "leased": found.leased,
        "undone": found.undone,
        "overlap": {"share": found.overlap, "items": found.twice, "reviewed_by_several": found.shared},
        "differing": found.differing,
        "reviewers": [asdict(each) for each in found.reviewers],
        "agreement": {
            "verdicts": asdict(found.agreement.verdicts),
            "answers": {**asdict(found.agreement.answers), "distance": found.agreement.distance},
            "unstated": found.agreement.unstated,
        },
        "accuracy": {
            "value": estimate.value,
            "low": estimate.interval.low,
            "high": estimate.interval.high,
            "worst_low": estimate.worst.low,
            "worst_high": estimate.worst.high,
            "reviewed": estimate.labels,
            "skipped": estimate.skipped,
            "confidence": 1.0 - found.accuracy.alpha,
        },
        "sentence": accuracy_sentence(found.accuracy),
    }


def _reviewers(answers: Answers) -> list[Reviewer]:
    reviews = Counter[tuple[str, Role]]()
    skipped = Counter[tuple[str, Role]]()
    seconds: dict[tuple[str, Role], list[float]] = {}
    for found in answers.values():
        for each in found:
            who = (each.reviewer, each.role)
            reviews[who] += 1
            skipped[who] += each.verdict == "skipped"
            seconds.setdefault(who, []).extend([] if each.seconds is None else [each.seconds])
    return [
        Reviewer(*who, count, skipped[who], median(seconds[who]) if seconds[who] else None)
        for who, count in sorted(reviews.items(), key=lambda each: (-each[1], each[0]))
    ]


def _range(interval: Interval) -> str:
    return f"between {100 * interval.low:.1f} % and {100 * interval.high:.1f} %"

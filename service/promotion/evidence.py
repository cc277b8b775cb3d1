"""What the reviews of a challenge show: e-values, the difference of the accuracies, how many reviews are missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glossator.service.monitoring.prediction_log.decisions import decision_of
from glossator.service.promotion.records import Batch, Challenge, Disagreement, DisagreementReview, Verdict
from glossator.service.statistics.confidence_sequence import Interval
from glossator.service.statistics.disagreements import (
    Question,
    Sample,
    best_estimate,
    is_refuted,
    log_e_logged,
    log_e_traffic,
    reviews_needed,
    traffic_interval,
)

INTERVAL_ALPHA = 0.05
LARGEST_LOG = 690.0
"""Larger logarithms of e-values are shown as this one; JSON has no infinity."""
_OUTCOMES: Mapping[Verdict, float] = {"candidate": 1.0, "baseline": -1.0, "both": 0.0, "neither": 0.0}
_Reviews = Mapping[tuple[int, int], DisagreementReview]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about a challenge.

    `texts`, `disagreements`: that both versions answered, and answered differently. `verdicts`: how many of the reviews
    that count said what. Skipped ones count against the change. `ahead`: reviews that do not count yet, because one
    before them is missing. `interval`: of the difference of the accuracies, candidate minus baseline, at the level of
    INTERVAL_ALPHA. `log_e_logged` may be infinite. `needed`: about how many reviews decide, see `reviews_needed`.
    """

    question: Question
    texts: int
    disagreements: int
    reviewed: int
    ahead: int
    verdicts: Mapping[Verdict, int]
    estimate: float | None
    interval: Interval
    log_e_traffic: float
    log_e_logged: float
    needed: int | None
    shown: bool
    """Whether the statement is refuted: the candidate may be promoted, or must be rolled back."""

    @property
    def missing(self) -> int | None:
        """About how many more reviews are needed; None if unknown, or if no number would do."""
        return None if self.needed is None else max(1, self.needed - self.reviewed)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return {
            "margin": self.question.margin,
            "alpha": self.question.alpha,
            "texts": self.texts,
            "disagreements": self.disagreements,
            "reviewed": self.reviewed,
            "ahead": self.ahead,
            "verdicts": dict(self.verdicts),
            "difference": self.estimate,
            "difference_low": self.interval.low,
            "difference_high": self.interval.high,
            "confidence": 1.0 - INTERVAL_ALPHA,
            "log_e_traffic": min(self.log_e_traffic, LARGEST_LOG),
            "log_e_logged": min(self.log_e_logged, LARGEST_LOG),
            "log_e_needed": -math.log(self.question.alpha),
            "reviews_needed": self.needed,
            "shown": self.shown,
        }


def evidence_of(challenge: Challenge, batches: Sequence[Batch], reviews: _Reviews) -> Evidence:
    """Return what the reviews so far show."""
    question = challenge.question
    found = all_reviews(batches, reviews)
    counted = {batch.number: _counted(batch, found) for batch in batches}
    samples = [_sample(batch, found, counted[batch.number], question) for batch in batches]
    keys = [(batch.number, place) for batch in batches for place in range(counted[batch.number])]
    verdicts = [found[key].verdict for key in keys]
    return Evidence(
        question=question,
        texts=sum(batch.texts for batch in batches),
        disagreements=sum(batch.disagreements for batch in batches),
        reviewed=len(keys),
        ahead=len(found) - len(keys),
        verdicts={each: verdicts.count(each) for each in (*_OUTCOMES, "skipped")},
        estimate=best_estimate(samples),
        interval=traffic_interval(samples, margin=question.margin, alpha=INTERVAL_ALPHA),
        log_e_traffic=log_e_traffic(samples, question),
        log_e_logged=log_e_logged(samples, question),
        needed=reviews_needed(samples, question),
        shown=is_refuted(samples, question),
    )


def waiting(batches: Sequence[Batch], reviews: _Reviews) -> list[tuple[int, int]]:
    """Return the batch and place of the stored disagreements that need a review, in order; equal ones once."""
    found = all_reviews(batches, reviews)
    missing: dict[Any, tuple[int, int]] = {}
    for batch in batches:
        for place, each in enumerate(batch.kept):
            if (batch.number, place) not in found and not each.erased:
                missing.setdefault(_content(each), (batch.number, place))
    return list(missing.values())


def all_reviews(batches: Sequence[Batch], reviews: _Reviews) -> dict[tuple[int, int], DisagreementReview]:
    """Return the review of each disagreement: its own, or the newest one of the same text with the same two answers.

    An erased text counts as skipped.
    """
    newest: dict[Any, DisagreementReview] = {}
    content = {
        (batch.number, place): None if each.erased else _content(each)
        for batch in batches
        for place, each in enumerate(batch.kept)
    }
    for key, review in sorted(reviews.items(), key=lambda each: each[1].made):
        if key in content:  # else of a batch that was frozen after the others were read
            newest[content[key]] = review
    found = {}
    for key, same in content.items():
        known = reviews.get(key) or (None if same is None else newest.get(same))
        if known is not None:
            found[key] = known
        elif same is None:
            found[key] = DisagreementReview(*key, "skipped", "")
    return found


def _content(each: Disagreement) -> Any:
    return each.sha256, decision_of(each.candidate), decision_of(each.baseline)


def _counted(batch: Batch, found: _Reviews) -> int:
    """Return how many of the first disagreements are reviewed: a later review waits for those before it."""
    return next((place for place in range(len(batch.kept)) if (batch.number, place) not in found), len(batch.kept))


def _sample(batch: Batch, found: _Reviews, counted: int, question: Question) -> Sample:
    import numpy as np

    against = -1.0 if question.direction == "promote" else 1.0
    outcomes = [_OUTCOMES.get(found[batch.number, place].verdict, against) for place in range(counted)]
    after = batch.kept[counted].position if counted < len(batch.kept) else batch.next_position
    return Sample(
        texts=batch.texts,
        disagreements=batch.disagreements,
        positions=np.array([each.position for each in batch.kept[:counted]], dtype=np.int64),
        outcomes=np.array(outcomes, dtype=np.float64),
        next_position=after,
    )

"""How far the reviewers of a period agree, on the items that several of them have reviewed."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from glossator.service.reviews.accuracy.counting import Answers, stated_answer
from glossator.service.reviews.records import Period, Review

if TYPE_CHECKING:
    from glossator.service.statistics.agreement import Agreement

Distance = Literal["nominal", "MASI", "exact"]


@dataclass(frozen=True, slots=True)
class ReviewerAgreement:
    """Krippendorff's alpha of the reviewers of a period. Adjudicators and skips are left out.

    `verdicts`: whether the served answer is right, which live accuracy is computed from. `answers`: what the right
    answer is, by `distance`: one label each `nominal`, sets of labels by `MASI`, entities and spans `exact` per text.
    `unstated`: items with two reviewers or more that `answers` leaves out, because one said "wrong" and no more.
    """

    verdicts: Agreement
    answers: Agreement
    distance: Distance
    unstated: int


def agreement_words(alpha: float) -> str:
    """Return how good an alpha is, by the limits that Krippendorff recommends: 0.8, and 0.667 for tentative results.

    >>> [agreement_words(alpha) for alpha in (0.9, 0.7, 0.3, -0.2)]
    ['good', 'fair', 'poor', 'none']
    """
    return "good" if alpha >= 0.8 else "fair" if alpha >= 0.667 else "poor" if alpha > 0.0 else "none"


def agreement_of(period: Period, answers: Answers) -> ReviewerAgreement:
    """Return how far the current answers of the reviewers of a period agree."""
    from glossator.service.statistics.agreement import krippendorff, masi, nominal

    decided = {
        item: [each for each in found if each.role == "reviewer" and each.verdict != "skipped"]
        for item, found in answers.items()
    }
    shared = {item: found for item, found in sorted(decided.items()) if len(found) >= 2}
    has_sets = period.scheme.kind in ("label", "labels")
    stated = [[_value(period, each, has_sets) for each in found] for found in shared.values()]
    units = [[value for value in unit if value is not None] for unit in stated]
    distance: Distance = "nominal" if period.scheme.kind == "label" else "MASI" if has_sets else "exact"
    return ReviewerAgreement(
        verdicts=krippendorff([[each.verdict for each in found] for found in shared.values()]),
        answers=krippendorff(units, masi if distance == "MASI" else nominal),
        distance=distance,
        unstated=sum(len(unit) < 2 for unit in units),
    )


def _value(period: Period, review: Review, has_sets: bool) -> Hashable | None:
    answer = stated_answer(period.items[review.item], review)
    return frozenset(json.loads(answer)) if has_sets and answer is not None else answer

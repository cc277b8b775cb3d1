"""The accuracy of a period, from its reviews so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glossator.service.reviews.accuracy.live_f1 import LabelCounts, LiveF1, label_counts, live_f1
from glossator.service.reviews.accuracy.periods import population_of
from glossator.service.reviews.accuracy.reviewed_draws import reviewed_draws
from glossator.service.reviews.accuracy.slices import SliceEstimate, estimate_labels, estimate_slices
from glossator.service.reviews.records import Period

if TYPE_CHECKING:
    from glossator.service.reviews.store import ReviewStore
    from glossator.service.statistics.live_accuracy import Estimate

FEWEST_REVIEWS = 30
"""From this number of reviews on, an estimate of how many are needed is shown."""
HALF_WIDTH = 0.02


@dataclass(frozen=True, slots=True)
class LiveAccuracy:
    """What is known about a period.

    `estimate`: the share of its answers that are right as a whole: all labels, all entities, or the span.
    `calibrated`: the same if the confidences are calibrated, which needs no labels; None without confidences.
    `by_label`, `slices`: parts of the period; all intervals of a list hold together with probability 1 - alpha.
    `waiting`: drawn items that nobody has reviewed. `ahead`: reviews that do not count yet, because an earlier draw has
    none: whether an item is reviewed must not depend on what is in it.
    """

    period: Period
    estimate: Estimate
    needed: int | None
    calibrated: float | None
    by_label: list[SliceEstimate]
    slices: list[SliceEstimate]
    f1: LiveF1 | None
    label_counts: list[LabelCounts]
    draws: int
    waiting: int
    ahead: int
    alpha: float


def live_accuracy(
    store: ReviewStore, period: Period, *, alpha: float, slices: Sequence[str] = (), details: bool = True
) -> LiveAccuracy:
    """Estimate the accuracy of a period from its reviews so far.

    Args:
        store: The store of reviews.
        period: The period.
        alpha: The probability that the interval misses the accuracy at any time.
        slices: Fields to divide the period by: keys of `SLICES`.
        details: Estimate labels, F1 and the labels needed too.

    Raises:
        ConfigError: The period cannot be divided by one of the fields.
    """
    reviewed = reviewed_draws(store, period)
    statistics = population_of(period)
    confidences = [each.confidence for each in period.items if each.confidence is not None]
    enough = details and reviewed.labels >= FEWEST_REVIEWS
    return LiveAccuracy(
        period=period,
        estimate=statistics.estimate(reviewed.items, reviewed.correct, alpha=alpha),
        needed=(
            statistics.labels_needed(reviewed.items, reviewed.correct, half_width=HALF_WIDTH, alpha=alpha)
            if enough
            else None
        ),
        calibrated=sum(confidences) / len(confidences) if confidences else None,
        by_label=estimate_labels(period, statistics, reviewed, alpha=alpha) if details else [],
        slices=estimate_slices(period, statistics, reviewed, slices, alpha=alpha) if slices else [],
        f1=live_f1(period, statistics, reviewed, alpha=alpha) if details else None,
        label_counts=label_counts(period, reviewed) if details else [],
        draws=len(reviewed.draws),
        waiting=reviewed.waiting,
        ahead=reviewed.ahead,
        alpha=alpha,
    )

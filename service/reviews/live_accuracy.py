"""The accuracy of a period, from its reviews so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glossator.service.reviews.periods import population_of
from glossator.service.reviews.records import Period

if TYPE_CHECKING:
    from glossator.service.reviews.store import ReviewStore
    from glossator.service.statistics.live_accuracy import Estimate, Population

FEWEST_LABELS = 10
"""A label is shown with its own interval from this number of reviewed draws on."""
FEWEST_REVIEWS = 30
"""From this number of reviews on, an estimate of how many are needed is shown."""
HALF_WIDTH = 0.02


@dataclass(frozen=True, slots=True)
class LabelEstimate:
    """How often the answers with one label are right. All labels together are covered with the stated probability."""

    label: str
    items: int
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class LiveAccuracy:
    """What is known about a period.

    `calibrated`: its accuracy if the confidences are calibrated, which needs no labels; None without confidences.
    `waiting`: drawn items that nobody has reviewed. `ahead`: reviews that do not count yet, because an earlier draw has
    none: whether an item is reviewed must not depend on what is in it.
    """

    period: Period
    estimate: Estimate
    needed: int | None
    calibrated: float | None
    by_label: list[LabelEstimate]
    draws: int
    waiting: int
    ahead: int
    alpha: float


def live_accuracy(store: ReviewStore, period: Period, *, alpha: float) -> LiveAccuracy:
    """Estimate the accuracy of a period from its reviews so far."""
    import numpy as np

    reviews, draws = store.reviews(period.id), store.draws(period.id)
    counted = next((place for place, item in enumerate(draws) if item not in reviews), len(draws))
    items = np.array(draws[:counted], dtype=np.int64)
    values = {"right": 1.0, "wrong": 0.0, "skipped": np.nan}
    correct = np.array([values[reviews[item].verdict] for item in draws[:counted]], dtype=np.float64)
    statistics = population_of(period)
    confidences = [each.confidence for each in period.items if each.confidence is not None]
    return LiveAccuracy(
        period=period,
        estimate=statistics.estimate(items, correct, alpha=alpha),
        needed=(
            statistics.labels_needed(items, correct, half_width=HALF_WIDTH, alpha=alpha)
            if int((~np.isnan(correct)).sum()) >= FEWEST_REVIEWS
            else None
        ),
        calibrated=float(np.mean(confidences)) if confidences else None,
        by_label=list(_by_label(period, statistics, items, correct, alpha)),
        draws=len(draws),
        waiting=len({item for item in draws if item not in reviews}),
        ahead=len({item for item in draws[counted:] if item in reviews} - set(draws[:counted])),
        alpha=alpha,
    )


def _by_label(
    period: Period, statistics: Population, items: Any, correct: Any, alpha: float
) -> Iterator[LabelEstimate]:
    """Yield an estimate for each label with enough reviews, the most frequent first; alpha is divided by all labels."""
    import numpy as np

    places_of: dict[str, list[int]] = {}
    for place, each in enumerate(period.items):
        for label in set(each.labels):
            places_of.setdefault(label, []).append(place)
    for label, members_of in sorted(places_of.items(), key=lambda found: (-len(found[1]), found[0])):
        members = np.zeros(len(period.items), dtype=bool)
        members[members_of] = True
        inside = members[items]
        if int(inside.sum()) >= FEWEST_LABELS:
            places = np.cumsum(members) - 1
            part = statistics.part(members)
            estimate = part.estimate(places[items[inside]], correct[inside], alpha=alpha / len(places_of))
            yield LabelEstimate(label, len(members_of), estimate)

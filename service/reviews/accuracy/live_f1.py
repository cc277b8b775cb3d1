"""The F1 of entities or labels over a period, from reviews that say what is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glossator.service.reviews.accuracy.counting import canonical
from glossator.service.reviews.records import Item, Period, Review

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from glossator.service.reviews.accuracy.reviewed_draws import ReviewedDraws
    from glossator.service.statistics.confidence_sequence import Interval
    from glossator.service.statistics.live_accuracy import Population
    from glossator.service.statistics.live_ratio import Counts

MOST_MISSED = 3
"""Of one text as many missed entities or labels are counted as were served, or this many if it is more: the interval
needs a limit, and is wider the larger it is."""


@dataclass(frozen=True, slots=True)
class LiveF1:
    """The micro F1 of a period: twice the right parts of its answers, over the served and the true ones.

    Parts are entities, with start, end and label (strict F1), or labels. `interval` covers it at all times together
    with probability 1 - alpha, if whether a draw was skipped has nothing to do with its answer. A wrong answer whose
    right one is not stated widens it in both directions. `worst`: skipped answers too.
    """

    parts: str
    """`entities` or `labels`."""
    value: float | None
    """From the draws whose right answer is known; None if they have no parts."""
    interval: Interval
    worst: Interval
    texts: int
    """Reviewed draws whose right answer is known."""
    without_gold: int
    """Draws that are wrong, without the right answer."""
    over_limit: int
    """Draws that missed more parts than are counted, see MOST_MISSED."""


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """Parts with one label in the reviewed draws whose right answer is known.

    An item that was drawn twice counts twice. Uncertain answers are drawn more often, so shares of these counts are no
    shares of the period.
    """

    label: str
    served: int
    gold: int
    both: int


def live_f1(period: Period, statistics: Population, reviewed: ReviewedDraws, *, alpha: float) -> LiveF1 | None:
    """Estimate the F1 of a period; None if an answer has one part at most."""
    if period.scheme.kind not in ("entities", "labels"):
        return None
    import numpy as np

    from glossator.service.statistics.confidence_sequence import Interval
    from glossator.service.statistics.live_ratio import Counts, RatioPopulation

    served = np.array([len(parts_of(each.served)) for each in period.items], dtype=np.float64)
    limit = most_missed(served)
    population = RatioPopulation(
        statistics.probabilities, expected_counts(statistics.confidence, served), 2.0 * served, served + limit
    )
    draws = [_Draw.of(period.items[item], reviewed.reviews[item]) for item in reviewed.items.tolist()]
    known = np.array([each.right is not None for each in draws], dtype=bool)
    skipped = np.isnan(reviewed.correct)
    own = served[reviewed.items]
    right = np.array([each.right or 0 for each in draws], dtype=np.float64)
    all_missed, limit = np.array([each.missed for each in draws], dtype=np.float64), limit[reviewed.items]
    missed = np.minimum(all_missed, limit)
    counts = Counts(2.0 * right, own + right + missed)
    # What is not known: nothing is right and much is missed; or all is right, but for a skipped one one is missed.
    least = Counts(np.where(known, counts.numerators, 0.0), np.where(known, counts.denominators, own + limit))
    most = Counts(
        np.where(known, counts.numerators, 2.0 * own),
        np.where(known, counts.denominators, 2.0 * own + np.where(skipped, 0.0, 1.0)),
    )

    def interval(chosen: Any) -> Interval:
        parts = [Counts(each.numerators[chosen], each.denominators[chosen]) for each in (least, most)]
        return population.interval(reviewed.items[chosen], *parts, alpha=alpha)

    known_draws = interval(~skipped)
    all_draws = interval(np.ones(len(draws), dtype=bool)) if skipped.any() else known_draws
    return LiveF1(
        parts=period.scheme.kind,
        value=population.value(reviewed.items[known], Counts(counts.numerators[known], counts.denominators[known])),
        interval=known_draws,
        worst=Interval(min(known_draws.low, all_draws.low), max(known_draws.high, all_draws.high)),
        texts=int(known.sum()),
        without_gold=int((~known & ~skipped).sum()),
        over_limit=int((all_missed > limit).sum()),
    )


def label_counts(period: Period, reviewed: ReviewedDraws) -> list[LabelCounts]:
    """Count the parts with each label in the reviewed draws whose right answer is known, the most frequent first."""
    served, gold, both = Counter[str](), Counter[str](), Counter[str]()
    for item in reviewed.items.tolist():
        answer, truth = parts_of(period.items[item].served), gold_of(period.items[item], reviewed.reviews[item])
        if truth is not None:
            served.update(map(_label, answer))
            gold.update(map(_label, truth))
            both.update(map(_label, answer & truth))
    labels = sorted({*served, *gold}, key=lambda label: (-gold[label] - served[label], label))
    return [LabelCounts(label, served[label], gold[label], both[label]) for label in labels]


def gold_of(item: Item, review: Review) -> set[Hashable] | None:
    """Return the parts that are right; None if the review does not say it."""
    if review.verdict == "skipped" or (review.verdict == "wrong" and review.gold is None):
        return None
    return parts_of(item.served if review.gold is None else review.gold)


def parts_of(answer: Any) -> set[Hashable]:
    """Return the labels, or the entities as (start, end, label), of an answer."""
    return {tuple(each) if isinstance(each, list) else each for each in canonical(answer)}


@dataclass(frozen=True, slots=True)
class _Draw:
    """`right`: the served parts that are right; None if not known. `missed`: right parts that were not served."""

    right: int | None
    missed: int

    @classmethod
    def of(cls, item: Item, review: Review) -> _Draw:
        truth = gold_of(item, review)
        if truth is None:
            return cls(None, 0)
        right = len(parts_of(item.served) & truth)
        return cls(right, len(truth) - right)


def most_missed(served: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many missed parts are counted at most, for texts with these numbers of served parts `(texts,)`."""
    import numpy as np

    return np.maximum(served, float(MOST_MISSED))


def expected_counts(confidence: NDArray[np.float64], served: NDArray[np.float64]) -> Counts:
    """Return the counts that are expected of texts, from their confidences and the parts that were served `(texts,)`.

    The less sure a text is, the more likely one of its parts is wrong, and one is missed.
    """
    import numpy as np

    from glossator.service.statistics.live_ratio import Counts

    unsure = 1.0 - confidence
    right = np.maximum(served - unsure, 0.0)
    return Counts(2.0 * right, served + right + unsure)


def _label(part: Hashable) -> str:
    return str(part[2]) if isinstance(part, tuple) else str(part)

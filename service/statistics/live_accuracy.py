"""The accuracy of logged answers, from a few reviewed ones.

The population is a finite list of answers, each with a confidence. Items are drawn for review with replacement, with
known probabilities: uncertain items more often, because they tell more. The confidences decide what is drawn and what
is bet (`log_optimal_bets`), and so how narrow the interval is (Zrnic and Candes 2024; Angelopoulos et al. 2023). They
do not decide whether it holds: it contains the accuracy whatever they are worth, at every moment. A reviewer may stop
when it is narrow enough, and look as often as they like.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.statistics.confidence_sequence import Bets, Interval, draws_needed, interval_of_bets
from glossator.service.statistics.log_optimal_bets import accuracy_bets

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ALPHA = 0.05
UNKNOWN_CONFIDENCE = 0.5
"""The confidence of answers if none has one; else those without count as their mean."""
UNIFORM_SHARE = 0.3
"""The share of the probability of being drawn that all items have in common; the rest goes by confidence."""
_SURE = 0.995
"""Confidences above it, and below 1 - it, count as this much when items are drawn: a model may be too sure."""
_PRIOR_DRAWS = 20
"""The weight of the first guess of the regression on the confidence, which is 1: right for calibrated confidences."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The accuracy of a population.

    `interval` covers it at all times together with probability 1 - alpha, if whether a draw was skipped has nothing to
    do with whether its answer was right. `worst` assumes nothing: skipped answers may all be wrong, or all right. It
    contains `interval`.
    """

    value: float | None
    """None before the first label."""
    interval: Interval
    worst: Interval
    labels: int
    """Reviewed draws; an item that was drawn twice counts twice."""
    skipped: int


class Population:
    """Answers, and the probabilities of drawing them.

    Args:
        confidence: The confidence of each answer, 0 to 1 `(items,)`.
        probabilities: The probability that a draw takes this item `(items,)`; all above 0.
    """

    def __init__(self, confidence: Floats, probabilities: Floats) -> None:
        self.confidence = confidence
        self.probabilities = probabilities

    @classmethod
    def of(cls, confidence: Floats, share: float = UNIFORM_SHARE) -> Population:
        """Return a population whose uncertain answers are drawn more often.

        Args:
            confidence: The confidence of each answer; NaN if it has none `(items,)`.
            share: The share of the probability that all items have in common, above 0; 1 draws uniformly.
        """
        missing = np.isnan(confidence)
        usual = UNKNOWN_CONFIDENCE if missing.all() else float(confidence[~missing].mean())
        known = np.clip(np.where(missing, usual, confidence), 0.0, 1.0)
        unsure = np.clip(known, 1.0 - _SURE, _SURE)
        spread = np.sqrt(unsure * (1.0 - unsure))
        equal = np.full(len(known), 1.0 / max(1, len(known)))
        return cls(known, share * equal + (1.0 - share) * spread / max(spread.sum(), 1e-12))

    def draw(self, count: int, random: np.random.Generator) -> Ints:
        """Draw items with replacement `(count,)`."""
        return np.asarray(random.choice(len(self.confidence), size=count, p=self.probabilities), dtype=np.int64)

    def estimate(self, items: Ints, correct: Floats, *, alpha: float = ALPHA) -> Estimate:
        """Estimate the accuracy.

        Args:
            items: The drawn items, in the order of the draws, with repetitions `(draws,)`.
            correct: For each draw 1 if the answer was right, 0 if not, NaN if its review was skipped.
            alpha: The probability that the interval misses the accuracy at any time.
        """
        known = ~np.isnan(correct)
        judged, right = items[known], correct[known]
        certain = self._certain(judged, right)
        interval = _within(self._interval(judged, right, right, alpha), certain)
        if known.all():
            worst = interval
        else:
            wrong, good = (np.nan_to_num(correct, nan=each) for each in (0.0, 1.0))
            found = _within(self._interval(items, wrong, good, alpha), certain)
            worst = Interval(min(found.low, interval.low), max(found.high, interval.high))
        return Estimate(
            value=float(np.clip(self._value(judged, right), certain.low, certain.high)) if known.any() else None,
            interval=interval,
            worst=worst,
            labels=int(known.sum()),
            skipped=int((~known).sum()),
        )

    def labels_needed(self, items: Ints, correct: Floats, *, half_width: float, alpha: float = ALPHA) -> int | None:
        """Return how many labels in all make the interval this narrow, if the next draws are like those so far.

        None if no number does. The other arguments: see `estimate`.
        """
        known = ~np.isnan(correct)
        if not len(self.confidence):
            return None
        above, below = self.bets(items[known], correct[known], correct[known])
        return draws_needed(above, below, alpha=alpha, half_width=half_width)

    def part(self, members: NDArray[np.bool_]) -> Population:
        """Return the population of some of the items `(items,)`. Draws of these items are draws of that population."""
        chosen = self.probabilities[members]
        return Population(self.confidence[members], chosen / chosen.sum())

    def bets(self, items: Ints, least: Floats, most: Floats) -> tuple[Bets, Bets]:
        """Return the bets that the accuracy is above a candidate, and below one; see `interval_of_bets`.

        Args:
            items: The drawn items `(draws,)`.
            least: For each draw 1 if the answer was right, 0 if not or if it is not known `(draws,)`.
            most: The same, with 1 if it is not known.
        """
        above = accuracy_bets(self.confidence, self.probabilities, items, least)
        return above, accuracy_bets(self.confidence, self.probabilities, items, most, downwards=True)

    def _interval(self, items: Ints, least: Floats, most: Floats, alpha: float) -> Interval:
        if not len(self.confidence):
            return Interval(0.0, 1.0)
        return interval_of_bets(*self.bets(items, least, most), alpha=alpha)

    def _certain(self, items: Ints, correct: Floats) -> Interval:
        """Return what the reviewed answers prove alone: those that are not reviewed are all wrong, or all right."""
        _, first = np.unique(items, return_index=True)
        right, count = float(correct[first].sum()), max(1, len(self.confidence))
        return Interval(right / count, 1.0 - (len(first) - right) / count)

    def _value(self, items: Ints, correct: Floats) -> float:
        """Return the mean of c w - b (f w - mean(f)); b is the regression of c w on f w, drawn towards 1."""
        weights = 1.0 / (len(self.confidence) * self.probabilities)
        spread = self.confidence * weights - self.confidence.mean()  # mean 0
        drawn, right = spread[items], correct * weights[items]
        prior = _PRIOR_DRAWS * float((self.probabilities * spread**2).sum())
        product = float(((right - right.mean()) * drawn).sum())
        control = np.clip((product + prior) / max(float((drawn**2).sum()) + prior, 1e-12), 0.0, 1.0)
        return float(np.clip((right - control * drawn).mean(), 0.0, 1.0))


def _within(found: Interval, certain: Interval) -> Interval:
    """Return the part of an interval that is possible."""
    low, high = max(found.low, certain.low), min(found.high, certain.high)
    return Interval(low, high) if low <= high else certain

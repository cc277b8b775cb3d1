"""The accuracy of logged answers, from a few reviewed ones.

The population is a finite list of answers, each with a confidence f. Items are drawn for review with replacement, with
known probabilities q. With c = 1 for a right answer, and any number b,

    z = b * mean(f) + (c - b * f) / (N * q)

has the accuracy of the population as its mean, whatever the confidences are worth: they only decide how much z varies.
The confidence is a control variate (Angelopoulos et al. 2023; Zrnic and Candes 2024), and b is what would have made the
draws before this one vary least. The draws are bounded, so a betting confidence sequence holds at every moment: a
reviewer may stop when the interval is narrow enough, and look as often as they like.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.statistics.confidence_sequence import Draws, Interval, draws_needed, mean_interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ALPHA = 0.05
UNKNOWN_CONFIDENCE = 0.5
"""The confidence of answers that have none."""
FEW_LABELS = 300
_ACTIVE_SHARE = 0.5
"""From FEW_LABELS planned labels on, half of the probability goes by confidence. Uncertain items tell more, but make
single draws larger, which pays off with many labels only."""
_SURE = 0.95
"""Confidences above it, and below 1 - it, count as this much when items are drawn: a model may be too sure."""
_PRIOR_DRAWS = 20
"""The weight of the first guess of b, which is 1: right for calibrated confidences."""


def uniform_share(planned_labels: int) -> float:
    """Return the share of the probability that all items have in common, for a planned number of labels."""
    return 1.0 if planned_labels <= FEW_LABELS else 1.0 - _ACTIVE_SHARE


@dataclass(frozen=True, slots=True)
class Estimate:
    """The accuracy of a population.

    `interval` covers it at all times together with probability 1 - alpha, if whether a draw was skipped has nothing to
    do with whether its answer was right. `worst` assumes nothing: skipped answers may all be wrong, or all right.
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
    def planned(cls, confidence: Floats, share: float) -> Population:
        """Return a population whose uncertain answers are drawn more often.

        Args:
            confidence: The confidence of each answer; NaN if it has none `(items,)`.
            share: The share of the probability that all items have in common, above 0; see `uniform_share`.
        """
        known = np.clip(np.nan_to_num(confidence, nan=UNKNOWN_CONFIDENCE), 0.0, 1.0)
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
        judged = self.draws_of_accuracy(items[known], correct[known])
        interval = _within(mean_interval(judged, alpha=alpha))
        if known.all():
            worst = interval
        else:
            lower, upper = (self.draws_of_accuracy(items, np.nan_to_num(correct, nan=each)) for each in (0.0, 1.0))
            worst = _within(mean_interval(lower, upper=upper, alpha=alpha))
        value = float(np.clip(judged.values.mean(), 0.0, 1.0)) if known.any() else None
        return Estimate(
            value=value,
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
        return draws_needed(self.draws_of_accuracy(items[known], correct[known]), alpha=alpha, half_width=half_width)

    def part(self, members: NDArray[np.bool_]) -> Population:
        """Return the population of some of the items `(items,)`. Draws of these items are draws of that population."""
        chosen = self.probabilities[members]
        return Population(self.confidence[members], chosen / chosen.sum())

    def draws_of_accuracy(self, items: Ints, correct: Floats) -> Draws:
        """Return the draws of z, whose mean is the accuracy."""
        if not len(self.confidence):
            return Draws(np.empty(0), 0.0, 1.0, 0.0, 1.0)
        weights = 1.0 / (len(self.confidence) * self.probabilities)
        mean = float(self.confidence.mean())
        weighted = self.confidence * weights
        controls = self._controls(weighted, mean, items, correct * weights[items])
        offsets = controls * mean
        largest = offsets + _largest(weights, weighted, controls)
        return Draws(
            offsets + (correct - controls * self.confidence[items]) * weights[items],
            offsets - controls * float(weighted.max()),
            largest,
            0.0,
            1.0,
        )

    def _controls(self, weighted: Floats, mean: float, items: Ints, right: Floats) -> Floats:
        """Return the number b for each draw, from the draws before it: the regression of c / (N q) on f / (N q)."""
        spread = weighted - mean
        prior = _PRIOR_DRAWS * float((self.probabilities * spread**2).sum())
        drawn = spread[items]
        before = np.arange(len(items))
        mean_right = _sums_before(right) / np.maximum(before, 1)
        products = _sums_before(right * drawn) - mean_right * _sums_before(drawn)
        squares = _sums_before(drawn**2)
        return np.asarray(np.clip((products + prior) / np.maximum(squares + prior, 1e-12), 0.0, 1.0))


def _largest(weights: Floats, weighted: Floats, controls: Floats) -> Floats:
    """Return the largest (1 - b f) / (N q) of all items, for each b: it is convex in b, so a few values bound it."""
    grid = np.linspace(0.0, 1.0, 21)
    highest = np.array([float((weights - each * weighted).max()) for each in grid])
    return np.asarray(np.interp(controls, grid, highest))


def _sums_before(values: Floats) -> Floats:
    """Return for each place the sum of the values before it."""
    return np.concatenate([[0.0], np.cumsum(values)])[: len(values)]


def _within(interval: Interval) -> Interval:
    return Interval(max(0.0, interval.low), min(1.0, interval.high))

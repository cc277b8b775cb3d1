"""A ratio of two sums over logged answers, such as the F1 of entities, from a few reviewed ones.

Each answer i of a population has a numerator n and a denominator t, 0 <= n <= t, known once it is reviewed. The ratio r
is the sum of n over the sum of t: the number for which the mean of n - r * t is 0. Items are drawn with replacement,
with known probabilities q; w = 1 / (N q). A gambler who bets that the ratio is above a candidate r gets

    a + d * w * (n / r - t)

for each draw, with numbers a whose mean over the draws is 1 and a d so small that this is never negative. If r is the
ratio, the capital is a martingale, so betting gives an interval that holds at every moment, as in
`confidence_sequence`. The capital falls with r, because a and d do not depend on it. Who bets that it is below gets
a + d * w * (r * t - n) / (1 - r), which rises with r.

The numbers a are what an item may cost: more for items that can lose much, less for those that are expected to win. So
a single long text does not limit the bets on all others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.statistics.confidence_sequence import Interval, bisect_bound

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SIZES: Floats = np.geomspace(0.02, 4.0, 16)
"""The numbers d, in units of 1 / mean denominator."""
_LARGEST_STAKE = 0.95
_SURE = 0.05
"""The ratio that is expected is at least this, and at most 1 - it."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The numerators and denominators of draws `(draws,)`."""

    numerators: Floats
    denominators: Floats


@dataclass(frozen=True, slots=True)
class _Gamblers:
    """What gamblers get for each draw: `costs + gains * (n / r - t)` if they bet upwards `(gamblers, draws)`."""

    costs: Floats
    gains: Floats
    counts: Counts
    downwards: bool

    def log_factors(self, ratio: float) -> Floats:
        """Return the logarithm of what each draw multiplies the capital of each gambler with `(gamblers, draws)`."""
        numerators, denominators = self.counts.numerators, self.counts.denominators
        if self.downwards:
            won = (ratio * denominators - numerators) / max(1.0 - ratio, 1e-12)
        else:
            won = numerators / max(ratio, 1e-12) - denominators
        return np.log(np.maximum(self.costs + self.gains * won, 1e-300))

    def log_capital(self, ratio: float) -> float:
        """Return the logarithm of the capital after all draws, if the ratio were this."""
        return float(_log_mean_exp(self.log_factors(ratio).sum(axis=1, keepdims=True)).item())

    def capital_path(self, ratio: float) -> Floats:
        """Return the logarithm of the capital after each draw, if the ratio were this `(draws,)`."""
        return _log_mean_exp(np.cumsum(self.log_factors(ratio), axis=1))


class RatioPopulation:
    """Answers, what is expected of each, and the probabilities of drawing them.

    Args:
        probabilities: The probability that a draw takes this item `(items,)`; all above 0.
        expected: The numerators and denominators that are expected; they only decide how narrow the interval is.
        most_numerator: The largest numerator that each item can have `(items,)`.
        most_denominator: A number that each item can lose at most: n - r * t is never below -r * this `(items,)`.
    """

    def __init__(
        self, probabilities: Floats, expected: Counts, most_numerator: Floats, most_denominator: Floats
    ) -> None:
        self._probabilities = probabilities
        self._weights = 1.0 / (len(probabilities) * probabilities)
        self._expected = expected
        self._most_numerator = most_numerator
        self._most_denominator = most_denominator

    def value(self, items: Ints, counts: Counts) -> float | None:
        """Return the ratio of the weighted sums; None if the denominator is 0."""
        weights = self._weights[items]
        total = float((weights * counts.denominators).sum())
        return float((weights * counts.numerators).sum()) / total if total > 0.0 else None

    def interval(self, items: Ints, least: Counts, most: Counts, *, alpha: float) -> Interval:
        """Return an interval that contains the ratio at all times together with probability 1 - alpha.

        Args:
            items: The drawn items, in the order of the draws, with repetitions `(draws,)`.
            least: What was counted; for draws that are not known what makes the ratio smallest.
            most: The same, with what makes it largest.
            alpha: The probability that the interval misses the ratio at any time.
        """
        limit = math.log(2.0 / alpha)
        upwards, downwards = self.gamblers(items, least), self.gamblers(items, most, downwards=True)
        low = bisect_bound(lambda ratio: upwards.log_capital(ratio) < limit, 0.0, 1.0)[0]
        high = 1.0 - bisect_bound(lambda rest: downwards.log_capital(1.0 - rest) < limit, 0.0, 1.0)[0]
        return Interval(min(low, high), max(low, high))

    def gamblers(self, items: Ints, counts: Counts, *, downwards: bool = False) -> _Gamblers:
        """Return the bets on these draws that the ratio is above, or below, a candidate."""
        expected = self._expected
        total = float(expected.denominators.sum())
        guess = float(np.clip(expected.numerators.sum() / max(total, 1e-12), _SURE, 1.0 - _SURE))
        unit = max(total / len(self._weights), 1e-12)
        won = self._weights * (expected.numerators - guess * expected.denominators)
        won -= float((self._probabilities * won).sum())
        if downwards:
            won, scale, risk = -won, 1.0 - guess, self._weights * self._most_numerator
        else:
            scale, risk = guess, self._weights * self._most_denominator
        costs, gains = [], []
        for size in _SIZES / unit:
            cost = np.maximum(1.0 - size * won, size * scale * risk / _LARGEST_STAKE)
            cost = np.maximum(cost, 0.01)
            cost /= float((self._probabilities * cost).sum())
            risky = risk > 0.0
            largest = float((cost[risky] / risk[risky]).min()) if risky.any() else math.inf
            costs.append(cost[items])
            gains.append(min(size * scale, _LARGEST_STAKE * largest) * self._weights[items])
        return _Gamblers(np.array(costs), np.array(gains), counts, downwards)


def _log_mean_exp(paths: Floats) -> Floats:
    top = paths.max(axis=0)
    return np.asarray(top + np.log(np.exp(paths - top).mean(axis=0)))

"""A confidence sequence for a mean: an interval that holds at every moment, however often one looks.

Betting (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSSB 2024). For a
candidate mean m, a gambler bets that the mean is above m and stakes a share c of what can be lost: after the draws x,
which are at least s, the capital is the product of 1 + c * (x - m) / (m - s). If m is the mean, the capital is a
martingale, also its average over several gamblers, so it exceeds 2 / alpha at some time with probability alpha / 2 at
most (Ville). The interval contains the means whose capital is below that, in both directions.

The capital falls with m, so the bounds are found by bisection, exactly, without a grid of candidate means.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHARES: Floats = np.geomspace(0.01, 0.98, 24)
"""What gamblers stake: small shares find small differences after many draws, large ones large differences soon."""
_STEPS = 28
ROUGH_STEPS = 16
"""Enough for a width, or a number of draws: a hundredth of it does not matter."""
_MOST_REPEATS = 1e4
_SMALLEST_DISTANCE = 1e-12
"""Of the mean from the smallest draw; the capital is not changed by draws that cannot differ from the mean."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of a mean."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the distance between the bounds."""
        return (self.high - self.low) / 2.0


@dataclass(frozen=True, slots=True)
class Bets:
    """Gamblers who bet that a mean is above a candidate.

    Each gambler may see other draws, if the mean of each draw given the past is the same. Arrays are broadcast to
    `(gamblers, draws)`. `smallest`: the smallest value that the draw could have had, known before it. `weights`
    `(gamblers, 1)`: the logarithm of what each gambler begins with, 1 together. `low` and `high` are limits of the mean
    that are known without any draw.
    """

    values: Floats
    smallest: Floats
    stakes: Floats
    weights: Floats
    low: float
    high: float

    @property
    def draws(self) -> int:
        """The number of draws."""
        return int(self.values.shape[-1])

    def first(self, count: int) -> Bets:
        """Return the bets on the first draws only."""
        smallest = self.smallest if self.smallest.shape[-1] == 1 else self.smallest[..., :count]
        return Bets(self.values[..., :count], smallest, self.stakes, self.weights, self.low, self.high)

    def log_capital(self, mean: float, repeats: float = 1.0) -> float:
        """Return the logarithm of the capital for a candidate mean after all draws, each of them `repeats` times."""
        return _log_sum_exp(repeats * self._log_factors(mean).sum(axis=1) + self.weights[:, 0])

    def capital_path(self, mean: float) -> Floats:
        """Return the logarithm of the capital after each draw, for a candidate mean `(draws,)`."""
        paths = np.cumsum(self._log_factors(mean), axis=1) + self.weights
        top = paths.max(axis=0)
        return np.asarray(top + np.log(np.exp(paths - top).sum(axis=0)))

    def lower_bound(self, alpha: float, repeats: float = 1.0, steps: int = _STEPS) -> float:
        """Return a number that the mean is below with probability `alpha` at most, at all times together.

        Each of the `steps` halves the distance from the largest such number.
        """
        limit = math.log(1.0 / alpha)
        return bisect_bound(lambda mean: self.log_capital(mean, repeats) < limit, self.low, self.high, steps)[0]

    def _log_factors(self, mean: float) -> Floats:
        """Return the logarithm of what each draw multiplies the capital of each gambler with `(gamblers, draws)`."""
        distance = np.maximum(mean - self.smallest, _SMALLEST_DISTANCE)
        return np.log1p(self.stakes * np.maximum((self.values - mean) / distance, -1.0))


@dataclass(frozen=True, slots=True)
class Draws:
    """Draws `(draws,)` whose mean is wanted, and the smallest and largest value that each of them could have had.

    The limits of a draw, numbers or `(draws,)`, may depend on the draws before it. `low` and `high` are limits of the
    mean that are known without any draw.
    """

    values: Floats
    smallest: Floats | float
    largest: Floats | float
    low: float
    high: float

    def __post_init__(self) -> None:
        slack = 1e-9 * (np.asarray(self.largest) - self.smallest)
        if (self.values < self.smallest - slack).any() or (self.values > self.largest + slack).any():
            raise ValueError(f"a draw is outside of {self.smallest} to {self.largest}")

    def __neg__(self) -> Draws:
        return Draws(-self.values, -self.largest, -self.smallest, -self.high, -self.low)

    def bets(self) -> Bets:
        """Return the bets that the mean is above a candidate: one for each of `SHARES`, all with the same capital."""
        weights = np.full((len(SHARES), 1), -math.log(len(SHARES)))
        smallest = np.atleast_1d(np.asarray(self.smallest, dtype=np.float64))[np.newaxis]
        return Bets(self.values[np.newaxis], smallest, SHARES[:, np.newaxis], weights, self.low, self.high)


def interval_of_bets(above: Bets, below: Bets, *, alpha: float, repeats: float = 1.0, steps: int = _STEPS) -> Interval:
    """Return the interval of a mean.

    Args:
        above: Bets that the mean is above a candidate.
        below: Bets that the mean with its sign changed is above a candidate.
        alpha: The probability that the interval misses the mean at any time.
        repeats: Count every draw this number of times: how narrow the interval will be after more draws like these.
        steps: See `Bets.lower_bound`.
    """
    low, high = above.lower_bound(alpha / 2.0, repeats, steps), -below.lower_bound(alpha / 2.0, repeats, steps)
    return Interval(low, high) if low <= high else Interval(high, low)


def mean_interval(draws: Draws, *, alpha: float, repeats: float = 1.0, upper: Draws | None = None) -> Interval:
    """Return the interval of the mean after these draws.

    Each draw must have the same mean given the past. The interval covers the mean at all times together with
    probability 1 - alpha.

    Args:
        draws: The draws so far.
        alpha: The probability that the interval misses the mean at any time.
        repeats: Count every draw this number of times: how narrow the interval will be after more draws like these.
        upper: The draws for the upper bound, if some of them are not known: with the largest values that these can
            have, where `draws` has the smallest.
    """
    return interval_of_bets(draws.bets(), (-(upper or draws)).bets(), alpha=alpha, repeats=repeats)


def draws_needed(above: Bets, below: Bets, *, alpha: float, half_width: float) -> int | None:
    """Return how many draws like these make the interval this narrow; None for more than 10,000 times as many."""

    def is_narrow(logarithm: float) -> bool:
        found = interval_of_bets(above, below, alpha=alpha, repeats=math.exp(logarithm), steps=ROUGH_STEPS)
        return found.half_width <= half_width

    most = math.log(_MOST_REPEATS)
    if not above.draws or not is_narrow(most):
        return None
    return math.ceil(above.draws * math.exp(bisect_bound(is_narrow, -most, most, ROUGH_STEPS)[1]))


def capital_path(draws: Draws, mean: float) -> Floats:
    """Return the logarithm of the capital, after each draw, of who bets that the mean is above `mean` `(draws,)`."""
    return draws.bets().capital_path(mean)


def bisect_bound(holds: Callable[[float], bool], low: float, high: float, steps: int = _STEPS) -> tuple[float, float]:
    """Return a small interval with the smallest number that `holds`; all larger ones do, `high` at the latest."""
    for _ in range(steps):
        middle = (low + high) / 2.0
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low, high


def _log_sum_exp(values: Floats) -> float:
    top = float(values.max())
    return top if math.isinf(top) else top + math.log(float(np.exp(values - top).sum()))

"""A confidence sequence for the mean of bounded draws: an interval that holds at every moment, however often one looks.

Betting (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSSB 2024). Draws are
scaled to 0 to 1. For a candidate mean m, a gambler stakes a fixed share c of what can be lost: after the draws x the
capital is the product of 1 + (c / m) * (x - m). If m is the mean, the capital is a martingale, also its average over a
grid of shares, so it exceeds 2 / alpha at some time with probability alpha / 2 at most (Ville). The interval contains
the means whose capital is below that, in both directions.

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
"""What the gambler stakes: small shares find small differences after many draws, large ones large differences soon."""
_STEPS = 32
_ROUGH_STEPS = 14
"""Enough for a number of draws: a hundredth of it does not matter."""
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
    limit = math.log(2.0 / alpha)
    low = _lower_bound(draws, limit, repeats)
    high = -_lower_bound(-(upper or draws), limit, repeats)
    return Interval(low, high)


def draws_needed(draws: Draws, *, alpha: float, half_width: float) -> int | None:
    """Return how many draws like these make the interval this narrow; None for more than 10,000 times as many."""

    def is_narrow(logarithm: float) -> bool:
        return mean_interval(draws, alpha=alpha, repeats=math.exp(logarithm)).half_width <= half_width

    most = math.log(_MOST_REPEATS)
    if not len(draws.values) or not is_narrow(most):
        return None
    return math.ceil(len(draws.values) * math.exp(_bisect(is_narrow, -most, most, _ROUGH_STEPS)[1]))


def capital_path(draws: Draws, mean: float) -> Floats:
    """Return the logarithm of the capital, after each draw, of who bets that the mean is above `mean` `(draws,)`."""
    paths = np.cumsum(_log_factors(draws, mean), axis=1)
    top = paths.max(axis=0)
    return np.asarray(top + np.log(np.exp(paths - top).mean(axis=0)))


def _log_factors(draws: Draws, mean: float) -> Floats:
    """Return the logarithms of what each draw multiplies the capital of each share with, `(shares, draws)`."""
    distance = np.maximum(mean - draws.smallest, _SMALLEST_DISTANCE)
    return np.log1p(SHARES[:, np.newaxis] * np.maximum((draws.values - mean) / distance, -1.0))


def _lower_bound(draws: Draws, limit: float, repeats: float) -> float:
    """Return the smallest mean that the capital does not speak against."""

    def is_possible(mean: float) -> bool:
        return _log_mean_exp(repeats * _log_factors(draws, mean).sum(axis=1)) < limit

    return _bisect(is_possible, draws.low, draws.high)[0]


def _bisect(holds: Callable[[float], bool], low: float, high: float, steps: int = _STEPS) -> tuple[float, float]:
    """Return a small interval with the smallest number that `holds`; all larger ones do, `high` at the latest."""
    for _ in range(steps):
        middle = (low + high) / 2.0
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low, high


def _log_mean_exp(values: Floats) -> float:
    top = float(values.max())
    return top if math.isinf(top) else top + math.log(float(np.exp(values - top).mean()))

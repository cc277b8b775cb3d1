"""How far a sample may be from its distribution: bounds for finite samples, whatever the distribution is.

Dvoretzky, Kiefer, Wolfowitz and Massart bound all values of a distribution function with one number. Chernoff's bound
of a share is narrower near 0 and 1. Both are used, each with half of the error, and the narrower one counts at each
point.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS = 50


class Bounds(NamedTuple):
    """Lower and upper bounds of probabilities, all of them together `(events,)`."""

    low: Floats
    high: Floats


def dkw_width(size: float, alpha: float) -> float:
    """Return the half-width of the band around an empirical distribution function that misses with probability alpha.

    Massart (1990), "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality".
    """
    return math.sqrt(math.log(2.0 / alpha) / (2.0 * size)) if size else 1.0


def share_bounds(counts: Floats, size: int, alpha: float) -> Bounds:
    """Return bounds of the probabilities of events that were chosen without looking at the sample.

    Args:
        counts: How often each event happened in the sample `(events,)`.
        size: The size of the sample.
        alpha: The probability that any of the bounds is wrong.
    """
    limit = math.log(2.0 * max(1, len(counts)) / alpha)
    return _chernoff(counts, size, limit)


def distribution_bounds(counts: Floats, size: int, alpha: float) -> Bounds:
    """Return bounds of a distribution function at points that may depend on the sample.

    If U is uniform and X = F^-1(U), then U_(k) <= F(x) < U_(k+1), where k values of the sample are at most x. Chernoff
    bounds each U_(k); there are `size` of them.

    Args:
        counts: How many values of the sample are at most each point `(points,)`.
        size: The size of the sample.
        alpha: The probability that any of the bounds is wrong.
    """
    share = counts / size
    band = dkw_width(size, alpha / 2.0)
    tails = _chernoff(counts, size, math.log(4.0 * size / alpha))
    return Bounds(
        np.maximum(tails.low, np.maximum(0.0, share - band)), np.minimum(tails.high, np.minimum(1.0, share + band))
    )


def total_variation_width(size: float, categories: int, alpha: float) -> float:
    """Return how far the shares of a sample may be from their distribution, in total variation.

    The mean distance is at most half of sqrt((categories - 1) / size), and one value changes it by at most 1 / size
    (McDiarmid).
    """
    if not size:
        return 1.0
    return 0.5 * math.sqrt((categories - 1) / size) + math.sqrt(math.log(1.0 / alpha) / (2.0 * size))


def _chernoff(counts: Floats, size: int, limit: float) -> Bounds:
    """Return the smallest and largest p with size * KL(counts / size, p) <= limit."""
    share = np.asarray(counts, dtype=np.float64) / size
    inside, outside = share.copy(), np.zeros_like(share)
    low = _bisect(share, inside, outside, limit / size)
    high = _bisect(share, share.copy(), np.ones_like(share), limit / size)
    return Bounds(low, high)


def _bisect(share: Floats, inside: Floats, outside: Floats, limit: float) -> Floats:
    """Return the end of the interval from `inside` to `outside` whose divergence from `share` is at most `limit`."""
    for _ in range(_STEPS):
        middle = (inside + outside) / 2.0
        fits = _divergence(share, middle) <= limit
        inside, outside = np.where(fits, middle, inside), np.where(fits, outside, middle)
    return outside  # the outer end: on the safe side


def _divergence(share: Floats, p: Floats) -> Floats:
    """Return the Kullback-Leibler divergence of Bernoulli distributions, in nats."""
    with np.errstate(divide="ignore", invalid="ignore"):
        hit = np.where(share > 0.0, share * np.log(share / p), 0.0)
        miss = np.where(share < 1.0, (1.0 - share) * np.log((1.0 - share) / (1.0 - p)), 0.0)
    return np.asarray(hit + miss)

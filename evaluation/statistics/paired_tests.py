"""Significance tests for two models on the same rows, and the correction for several comparisons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.statistics.bootstrap import Metric

SIGNIFICANCE_LEVEL = 0.05
SHUFFLES = 2000
_MAX_CELLS = 20_000_000
"""Weights processed at a time; limits memory to 160 MB."""


def mcnemar(gained: int, lost: int) -> tuple[float, float]:
    """Return McNemar's two-sided p-values, mid-p and exact, from the number of rows that only one model gets right.

    The example of Fagerland, Lydersen and Laake (2013), 1 and 7 discordant pairs:

    >>> mid, exact = mcnemar(1, 7)
    >>> round(mid, 3), round(exact, 3)
    (0.039, 0.07)
    """
    from scipy.stats import binom

    smaller, both = min(gained, lost), gained + lost
    if not both:
        return 1.0, 1.0
    exact = min(1.0, 2.0 * float(binom.cdf(smaller, both, 0.5)))
    if gained == lost:
        return 1.0 - 0.5 * float(binom.pmf(smaller, both, 0.5)), exact
    return exact - float(binom.pmf(smaller, both, 0.5)), exact


def holm_correction(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979); each is at most 1, in the order given.

    >>> holm_correction([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected, highest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = highest
    return corrected


def approximate_randomisation(metric: Metric, rows: int, *, shuffles: int = SHUFFLES, seed: int = 0) -> float:
    """Return the two-sided p-value of the difference of two models, by approximate randomisation.

    `metric` takes weights `(n, 2 * rows)`: of the answers of the first model, then of the second.
    """
    generator = np.random.default_rng(seed)
    observed = abs(_difference_after_swap(metric, np.zeros((1, rows), dtype=bool))[0])
    at_least_as_large = 0
    for begin in range(0, shuffles, step := max(1, _MAX_CELLS // (2 * rows))):
        swapped = generator.random((min(step, shuffles - begin), rows)) < 0.5
        at_least_as_large += int((np.abs(_difference_after_swap(metric, swapped)) >= observed - 1e-12).sum())
    return (at_least_as_large + 1) / (shuffles + 1)


def _difference_after_swap(metric: Metric, swapped: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the difference of the metric after swapping the two models' answers where `swapped` `(n, rows)` is set."""
    unswapped, moved = (~swapped).astype(np.float64), swapped.astype(np.float64)
    return metric(np.hstack([unswapped, moved])) - metric(np.hstack([moved, unswapped]))

"""Significance tests for two models on the same rows, and their correction for multiple comparisons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.statistics.bootstrap import Metric

SIGNIFICANCE_LEVEL = 0.05
SHUFFLES = 2000
_MAX_CELLS = 20_000_000
"""Weights held at a time, which bounds memory at 160 MB."""


def mcnemar(gained: int, lost: int) -> tuple[float, float]:
    """McNemar's two-sided p-values from the rows that one model alone has right: the mid-p and the exact one.

    The vignette of Fagerland, Lydersen and Laake (2013), 1 and 7 discordant pairs:

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
    """The p-values corrected for their number, each at most 1 and in the order given (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected, highest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = highest
    return corrected


def approximate_randomisation(metric: Metric, rows: int, *, shuffles: int = SHUFFLES, seed: int = 0) -> float:
    """The two-sided p-value of the difference of two models, by approximate randomisation.

    `metric` takes weights `(n, 2 * rows)` of the first model's answers, then the second's.
    """
    generator = np.random.default_rng(seed)
    observed = abs(_difference_after_swap(metric, np.zeros((1, rows), dtype=bool))[0])
    as_far = 0
    for begin in range(0, shuffles, step := max(1, _MAX_CELLS // (2 * rows))):
        swapped = generator.random((min(step, shuffles - begin), rows)) < 0.5
        as_far += int((np.abs(_difference_after_swap(metric, swapped)) >= observed - 1e-12).sum())
    return (as_far + 1) / (shuffles + 1)


def _difference_after_swap(metric: Metric, swapped: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The difference of the metric where the two models' answers have changed places as `swapped` `(n, rows)` says."""
    kept, moved = (~swapped).astype(np.float64), swapped.astype(np.float64)
    return metric(np.hstack([kept, moved])) - metric(np.hstack([moved, kept]))

"""Measures calibration: reliability bins, expected calibration error, Brier score.

The expected calibration error follows Guo et al., On Calibration of Modern Neural Networks (2017): 15 bins of equal
width, each open below and closed above, and the mean of |confidence - accuracy| over bins, weighted by their rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The probabilities above `low` and up to `high`: their number, their mean, and how often they were right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability_bins(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], *, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Return the bins that are not empty, lowest first. Both arrays are `(n,)`; 0 belongs to the first bin."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    bin_of = np.digitize(confidence, edges[1:-1], right=True)  # (n,)
    counts = np.bincount(bin_of, minlength=bins)
    sums = np.bincount(bin_of, weights=confidence, minlength=bins)
    hits = np.bincount(bin_of, weights=correct, minlength=bins)
    return tuple(
        ReliabilityBin(
            low=float(edges[i]),
            high=float(edges[i + 1]),
            count=int(counts[i]),
            confidence=float(sums[i] / counts[i]),
            accuracy=float(hits[i] / counts[i]),
        )
        for i in np.flatnonzero(counts)
    )


def expected_calibration_error(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], *, bins: int = BINS
) -> float:
    """Return the mean |confidence - accuracy| over the bins, weighted by their rows: 0 is best, 1 is worst."""
    filled = reliability_bins(confidence, correct, bins=bins)
    return sum(each.count * abs(each.confidence - each.accuracy) for each in filled) / len(confidence)


def brier_score(gold: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float:
    """Return the squared error summed over labels, averaged over rows: 0 is best, 2 is worst if rows add up to 1.

    This is the definition of Brier (1950), and that of scikit-learn with `scale_by_half=False`. Both arrays are
    `(rows, labels)`.
    """
    return float(np.square(probabilities - gold).sum(axis=1).mean())

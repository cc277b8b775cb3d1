"""Whether a probability means what it says: reliability, expected calibration error, Brier score.

The expected calibration error follows Guo et al., On Calibration of Modern Neural Networks (2017): 15 bins of equal
width, each open below and closed above, and the mean over bins, weighted by their rows, of |confidence - accuracy|.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
TEMPERATURE_RANGE = (0.25, 4.0)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The probabilities above `low` and up to `high`: how many, their mean, and how often they came true."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability_bins(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], *, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """The bins that hold something, lowest first. Both arrays are `(n,)`; a confidence of 0 is in the first bin."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    number = np.digitize(confidence, edges[1:-1], right=True)  # (n,)
    counts = np.bincount(number, minlength=bins)
    sums = np.bincount(number, weights=confidence, minlength=bins)
    hits = np.bincount(number, weights=correct, minlength=bins)
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
    """The mean |confidence - accuracy| over the bins, weighted by what they hold: 0 is best, 1 worst."""
    filled = reliability_bins(confidence, correct, bins=bins)
    return sum(each.count * abs(each.confidence - each.accuracy) for each in filled) / len(confidence)


def fit_temperature(gold: NDArray[np.bool_], logits: NDArray[np.float64]) -> float:
    """The number that logits are divided by so that their softmax is most likely on these rows; both `(rows, labels)`.

    Temperature scaling (Guo et al. 2017): one number, which moves no decision. Kept within `TEMPERATURES`, since a few
    rows that are all right, or all wrong, would drive it to 0 or to infinity. Give validation rows.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[gold].mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURE_RANGE), method="bounded").x))


def brier_score(gold: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float:
    """The squared error summed over the labels, mean over rows: 0 is best, 2 worst for rows that add up to 1.

    This is Brier's own definition (1950), and scikit-learn's with `scale_by_half=False`. Both are `(rows, labels)`.
    """
    return float(np.square(probabilities - gold).sum(axis=1).mean())

"""Fits the gate of a cascade: the confidence from which the fast model answers instead of the full one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.statistics.noninferiority import MARGIN, NonInferiority, compare_accuracies

SHARES_TRIED = 40
"""How many shares of texts for the fast model are tried, from few to all."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The fast model answers texts whose confidence reaches `threshold`: `share` of the validation rows.

    `comparison` compares the accuracy of the cascade with that of the full model on these rows.
    """

    threshold: float
    share: float
    comparison: NonInferiority


def fit_gate(
    confidence: NDArray[np.float64],
    fast_right: NDArray[np.bool_],
    full_right: NDArray[np.bool_],
    *,
    margin: float = MARGIN,
) -> Gate | None:
    """Return the gate with the largest share for the fast model at which the cascade is non-inferior to the full model.

    None if no share is shown to be non-inferior. All arrays are `(rows,)`, of validation rows.

    Shares are tried in ascending order until the first that is not shown to be non-inferior. Tests in a fixed order
    keep the level of a single test (fixed sequence testing: Maurer, Hothorn and Lehmacher 1995; for such gates
    Angelopoulos et al. 2021, Learn then Test).
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    best: Gate | None = None
    for count in np.unique(np.linspace(0, len(order), SHARES_TRIED + 1).astype(int))[1:]:
        threshold = _threshold_after(sorted_confidence, int(count))
        taken = confidence >= threshold
        comparison = compare_accuracies(np.where(taken, fast_right, full_right), full_right, margin=margin)
        if not comparison.non_inferior:
            break
        best = Gate(threshold, float(taken.mean()), comparison)
    return best


def _threshold_after(descending: NDArray[np.float64], count: int) -> float:
    """Return a threshold half way between the first `count` values and the rest, so that rounding moves no text."""
    if count >= len(descending):
        return 0.0
    return float((descending[count - 1] + descending[count]) / 2.0)

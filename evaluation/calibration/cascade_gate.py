"""The gate of a cascade: how sure the fast model must be to answer in the place of the full one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.statistics.noninferiority import MARGIN, NonInferiority, compare_accuracies

SHARES_TRIED = 40
"""How many shares are tried, from few texts to all."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Texts whose `confidence` reaches `threshold` are the fast model's: `share` of the rows that it was fitted on.
    `comparison` sets the cascade's accuracy against the full model's on these rows."""

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
    """The gate at which the cascade is non-inferior to the full model and the fast one answers most; None where even
    the surest texts are too few to show it. All three are `(rows,)`, of validation rows.

    Shares are tried from the smallest on, and the first that is not shown to be non-inferior ends the search: tests in
    a fixed order keep the level of one test, however many there are (fixed sequence testing: Maurer, Hothorn and
    Lehmacher 1995; for such gates Angelopoulos et al. 2021, Learn then Test).
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


def _threshold_after(falling: NDArray[np.float64], count: int) -> float:
    """A threshold that parts the first `count` from the rest, half way between them: a text of the one side does not
    come to the other by rounding."""
    if count >= len(falling):
        return 0.0
    return float((falling[count - 1] + falling[count]) / 2.0)

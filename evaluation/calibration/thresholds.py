"""Fits the threshold of each label of a multi-label task on validation rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.calibration.probability_checks import check_probabilities
from glossator.service.tasks.encoded import Floats
from glossator.service.tasks.text_classification import DEFAULT_THRESHOLD

MIN_POSITIVES = 5
"""Labels with fewer gold rows keep the default threshold: the best threshold of a handful of rows is chance."""


def tune_thresholds(gold: NDArray[np.bool_], probability: Floats, *, min_positives: int = MIN_POSITIVES) -> list[float]:
    """Return for each label the threshold with the highest F1 on these rows; both arrays are `(rows, labels)`.

    A label is assigned if its probability reaches its threshold, as in the decoder. Candidates are 0.5 and the
    midpoints between neighbouring probabilities (the first lies between 0 and the smallest). Of several best
    candidates the one nearest 0.5 wins; of two equally near, the lower one. Labels with fewer than `min_positives` gold
    rows keep 0.5. Use validation rows: on training or test rows the result would look too good.
    """
    gold = np.asarray(gold, dtype=bool)
    enough = gold.sum(axis=0) >= max(min_positives, 1)  # without a gold row, F1 is 0 at any threshold
    checked = check_probabilities(probability, (len(gold), gold.shape[1]))
    return [
        _best_threshold(gold[:, label], checked[:, label]) if enough[label] else DEFAULT_THRESHOLD
        for label in range(gold.shape[1])
    ]


def threshold_candidates(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the thresholds worth trying for the probabilities `(rows,)` of one label, in ascending order."""
    upper = np.unique(probability)
    lower = np.append(0.0, upper[:-1])
    middle = lower + (upper - lower) / 2.0
    # Adjacent floats have no value between them: the middle rounds to one of them, and only the upper one separates.
    middle = np.where(middle > lower, middle, upper)
    return np.unique(np.append(middle, DEFAULT_THRESHOLD))


def _best_threshold(gold: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """Return the best threshold of one label in one pass over sorted probabilities; both arrays are `(rows,)`."""
    order = np.argsort(probability, kind="stable")
    gold_from = np.append(np.cumsum(gold[order][::-1])[::-1], 0)  # [i]: gold rows among order[i:]
    candidates = threshold_candidates(probability)
    first = np.searchsorted(probability[order], candidates, side="left")  # the first row that reaches each threshold
    assigned = len(gold) - first
    f1 = 2.0 * gold_from[first] / (assigned + gold.sum())
    winners = candidates[f1 == f1.max()]
    return float(winners[np.abs(winners - DEFAULT_THRESHOLD).argmin()])

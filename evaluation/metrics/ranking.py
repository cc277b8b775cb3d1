"""Ranking metrics over weighted rows: AUROC, average precision, reciprocal rank.

AUROC and average precision are defined as in scikit-learn. One sort per label serves every bootstrap resample. Equal
scores count as one step. Average precision is the sum of precisions weighted by the rise in recall, not interpolated.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.statistics.bootstrap import Weights

Values = NDArray[np.float64]
_MAX_CELLS = 20_000_000
"""Weights processed at a time; limits memory to about 500 MB."""


def ranking_metrics(truth: NDArray[np.bool_], scores: NDArray[np.floating], weights: Weights) -> tuple[Values, Values]:
    """Return macro AUROC and macro average precision of each resample, `(resamples,)` each.

    `truth` and `scores` are `(rows, labels)`, `weights` is `(resamples, rows)`. A label counts if the resample has rows
    with it and rows without it. NaN if no label counts.
    """
    chunk = max(1, _MAX_CELLS // max(1, len(truth)))
    parts = [
        _ranking_metrics_of_chunk(truth, scores, weights[begin : begin + chunk])
        for begin in range(0, len(weights), chunk)
    ]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _ranking_metrics_of_chunk(
    truth: NDArray[np.bool_], scores: NDArray[np.floating], weights: Weights
) -> tuple[Values, Values]:
    """Return the metrics of one chunk of resamples. Only the few steps with a row of the label are evaluated."""
    counts = weights.astype(np.int32)  # weights are counts of rows
    areas, precisions = [], []
    for label in range(truth.shape[1]):
        order = np.argsort(-scores[:, label], kind="stable")
        ordered = scores[order, label]
        hits = np.flatnonzero(truth[order, label])
        if not len(hits):
            continue
        ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
        step = np.searchsorted(ends, hits)  # the step of each row with the label
        steps, firsts = np.unique(step, return_index=True)
        drawn = counts[:, order]
        given = np.cumsum(drawn, axis=1, dtype=np.int32)
        at_end = given[:, ends[steps]]  # (resamples, steps)
        at_begin = np.where(steps > 0, given[:, ends[steps - 1]], 0)
        right = np.add.reduceat(drawn[:, hits], firsts, axis=1)
        right_so_far = np.cumsum(right, axis=1)
        wrong_so_far = at_end - right_so_far
        wrong = at_end - at_begin - right
        all_right, all_rows = right_so_far[:, -1:].astype(np.float64), given[:, -1:]
        all_wrong = all_rows - all_right
        with np.errstate(invalid="ignore", divide="ignore"):
            areas.append((right * (all_wrong - wrong_so_far + wrong / 2.0) / (all_right * all_wrong)).sum(axis=1))
            precision = np.where(at_end > 0, right_so_far / at_end, 0.0)
            known = (all_wrong > 0) & (all_right > 0)
            precisions.append(np.where(known[:, 0], (right / all_right * precision).sum(axis=1), np.nan))
    if not areas:
        return np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a resample in which no label counts
        return np.nanmean(areas, axis=0), np.nanmean(precisions, axis=0)


def reciprocal_ranks(similarity: Values, labels: list[tuple[str, ...]]) -> Values:
    """Return for each row 1 / rank of the nearest other row with the same labels, or 0 if there is none, `(rows,)`.

    `similarity` is `(rows, rows)`; a row is not its own neighbour.
    """
    numbers = {names: number for number, names in enumerate(dict.fromkeys(labels))}
    classes = np.array([numbers[names] for names in labels])
    ranks = np.zeros(len(classes))
    for row in range(len(classes)):
        others = np.argsort(-similarity[row], kind="stable")
        others = others[others != row]
        same = np.flatnonzero(classes[others] == classes[row])
        ranks[row] = 1.0 / (same[0] + 1) if len(same) else 0.0
    return ranks

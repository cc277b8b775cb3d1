"""Precision and recall of the labels whose probability reaches a threshold, for thresholds from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CURVE_POINTS = 51


@dataclass(frozen=True, slots=True)
class ThresholdPoint:
    """The effect of assigning labels whose probability reaches `threshold`; single-label: only the most probable one.

    `given` is the average number of labels per row, `precision` the share of these that is right (1 if there are none),
    `recall` the share of gold labels that is found.
    """

    threshold: float
    given: float
    precision: float
    recall: float


def threshold_curve(
    truth: NDArray[np.bool_], probability: NDArray[np.floating], *, single_label: bool
) -> tuple[ThresholdPoint, ...]:
    """Return `CURVE_POINTS` points from threshold 0 to 1, over all labels together (micro average).

    `truth` and `probability` are `(rows, labels)`.
    """
    if single_label:
        best = probability.argmax(axis=1)
        rows = np.arange(len(truth))
        scores, right = probability[rows, best], truth[rows, best]
    else:
        scores, right = probability.ravel(), truth.ravel()
    order = np.argsort(-scores, kind="stable")
    found = np.concatenate([[0], np.cumsum(right[order])])
    gold = max(1, int(truth.sum()))
    points = []
    for threshold in np.linspace(0.0, 1.0, CURVE_POINTS):
        count = int(np.searchsorted(-scores[order], -threshold, side="right"))
        hit = int(found[count])
        points.append(ThresholdPoint(float(threshold), count / len(truth), hit / count if count else 1.0, hit / gold))
    return tuple(points)

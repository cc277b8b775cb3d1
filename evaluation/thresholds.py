"""The threshold of each label of a multi-label task, fitted on validation data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.calibration import fit_temperature
from evaluation.probabilities import check_probabilities
from service.bundle.task import Calibration, Task
from service.tasks.text_classification import DEFAULT_THRESHOLD, Floats, probabilities

MIN_POSITIVES = 5
"""Labels with fewer gold rows keep 0.5: the best threshold of a handful of rows is chance."""


def tune_thresholds(gold: NDArray[np.bool_], probability: Floats, *, min_positives: int = MIN_POSITIVES) -> list[float]:
    """For each label the threshold with the highest F1 on these rows; both arrays are `(rows, labels)`.

    A label is given where its probability *reaches* its threshold, as the decoder decides. Candidates are 0.5 and the
    midpoints between neighbouring probabilities that occur (the first between 0 and the smallest). Among equals the
    one nearest 0.5 wins, so a label moves away from 0.5 only for a gain; of two equally near, the lower. Labels with
    fewer than `min_positives` gold rows keep 0.5. Give validation rows: on rows trained or tested on it flatters.
    """
    gold = np.asarray(gold, dtype=bool)
    enough = gold.sum(axis=0) >= max(min_positives, 1)  # with no gold row, F1 is 0 at any threshold
    wide = check_probabilities(probability, (len(gold), gold.shape[1]))
    return [
        _best(gold[:, label], wide[:, label]) if enough[label] else DEFAULT_THRESHOLD for label in range(gold.shape[1])
    ]


def calibrated(task: Task, gold: NDArray[np.bool_], logits: Floats) -> Task:
    """The task with what is fitted on validation rows: the temperature of single-label, the thresholds of multi-label.

    `gold` and `logits` are `(rows, labels)`.
    """
    if task.problem_type == "single_label_classification":
        calibration = Calibration(temperature=round(fit_temperature(gold, np.asarray(logits, dtype=np.float64)), 4))
    else:
        plain = task.model_copy(update={"calibration": Calibration()})
        calibration = Calibration(thresholds=tune_thresholds(gold, probabilities(logits, plain)))
    return task.model_copy(update={"calibration": calibration})


def candidates(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """The thresholds worth trying for the probabilities `(rows,)` of one label, in rising order."""
    above = np.unique(probability)
    below = np.append(0.0, above[:-1])
    middle = below + (above - below) / 2.0
    # Between two neighbouring floats there is no middle: it rounds to one of them, and only the upper one parts them.
    middle = np.where(middle > below, middle, above)
    return np.unique(np.append(middle, DEFAULT_THRESHOLD))


def _best(gold: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """The best threshold of one label, in one pass over sorted probabilities; both arrays are `(rows,)`."""
    order = np.argsort(probability, kind="stable")
    positives_from = np.append(np.cumsum(gold[order][::-1])[::-1], 0)  # [i]: gold rows among order[i:]
    tried = candidates(probability)
    first = np.searchsorted(probability[order], tried, side="left")  # the first row that reaches each threshold
    given = len(gold) - first
    f1 = 2.0 * positives_from[first] / (given + gold.sum())
    winners = tried[f1 == f1.max()]
    return float(winners[np.abs(winners - DEFAULT_THRESHOLD).argmin()])

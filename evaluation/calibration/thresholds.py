"""The threshold of each label of a multi-label task, fitted on validation data."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.calibration.probability_checks import check_probabilities
from glossator.evaluation.calibration.reliability import fit_temperature
from glossator.service.bundle.task import Calibration, Classifier
from glossator.service.tasks.encoded import Floats
from glossator.service.tasks.text_classification import DEFAULT_THRESHOLD, probabilities

_Task = TypeVar("_Task", bound=Classifier)

MAX_NONCONFORMITY_SCORES = 1_000
"""How many a bundle carries at most."""
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
        _best_threshold(gold[:, label], wide[:, label]) if enough[label] else DEFAULT_THRESHOLD
        for label in range(gold.shape[1])
    ]


def calibrate_task(task: _Task, gold: NDArray[np.bool_], logits: Floats) -> _Task:
    """The task with what is fitted on validation rows: the temperature and the nonconformity scores of single-label,
    the thresholds of multi-label.

    `gold` and `logits` are `(rows, labels)`.
    """
    if task.problem_type == "single_label_classification":
        calibration = Calibration(temperature=round(fit_temperature(gold, np.asarray(logits, dtype=np.float64)), 4))
        warm = task.model_copy(update={"calibration": calibration})
        scores = nonconformity_scores(probabilities(logits, warm)[gold])
        calibration = calibration.model_copy(update={"nonconformity": scores})
    else:
        plain = task.model_copy(update={"calibration": Calibration()})
        calibration = Calibration(thresholds=tune_thresholds(gold, probabilities(logits, plain)))
    return task.model_copy(update={"calibration": calibration})


def nonconformity_scores(probability: NDArray[np.float64], *, most: int = MAX_NONCONFORMITY_SCORES) -> list[float]:
    """`1 - probability` of the true label of each row, `(rows,)`, rising. Of more rows than `most` those at even ranks
    are kept, rounded up: the sets told from them are never smaller than those told from all.

    >>> nonconformity(np.array([0.75, 1.0, 0.5]))
    [0.0, 0.25, 0.5]
    """
    scores = np.sort(1.0 - probability)
    if len(scores) > most:
        scores = scores[np.ceil(np.arange(1, most + 1) * len(scores) / most).astype(int) - 1]
    return [min(1.0, math.ceil(score * 1e6 - 1e-6) / 1e6) for score in scores.tolist()]


def threshold_candidates(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """The thresholds worth trying for the probabilities `(rows,)` of one label, in rising order."""
    above = np.unique(probability)
    below = np.append(0.0, above[:-1])
    middle = below + (above - below) / 2.0
    # Between two neighbouring floats there is no middle: it rounds to one of them, and only the upper one parts them.
    middle = np.where(middle > below, middle, above)
    return np.unique(np.append(middle, DEFAULT_THRESHOLD))


def _best_threshold(gold: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """The best threshold of one label, in one pass over sorted probabilities; both arrays are `(rows,)`."""
    order = np.argsort(probability, kind="stable")
    positives_from = np.append(np.cumsum(gold[order][::-1])[::-1], 0)  # [i]: gold rows among order[i:]
    tried = threshold_candidates(probability)
    first = np.searchsorted(probability[order], tried, side="left")  # the first row that reaches each threshold
    given = len(gold) - first
    f1 = 2.0 * positives_from[first] / (given + gold.sum())
    winners = tried[f1 == f1.max()]
    return float(winners[np.abs(winners - DEFAULT_THRESHOLD).argmin()])

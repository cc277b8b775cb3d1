"""Fits the calibration of a task on validation rows: temperature, conformal sets, thresholds."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.calibration.out_of_scope import calibrate_out_of_scope
from glossator.evaluation.calibration.temperature import fit_temperature
from glossator.evaluation.calibration.thresholds import tune_thresholds
from glossator.service.bundle.task import Calibration, Classifier
from glossator.service.tasks.encoded import Floats
from glossator.service.tasks.text_classification import probabilities

_Task = TypeVar("_Task", bound=Classifier)

MAX_NONCONFORMITY_SCORES = 1_000
"""How many a bundle holds at most."""


def calibrate_task(task: _Task, gold: NDArray[np.bool_], logits: Floats) -> _Task:
    """Return the task with a calibration that is fitted on validation rows.

    Single-label tasks get a temperature and nonconformity scores, multi-label tasks a threshold per label. A limit for
    out-of-scope texts is fitted again if the task has one. `gold` and `logits` are `(rows, labels)`.
    """
    old = task.calibration.out_of_scope
    if task.problem_type == "single_label_classification":
        calibration = Calibration(temperature=round(fit_temperature(gold, np.asarray(logits, dtype=np.float64)), 4))
        scaled = task.model_copy(update={"calibration": calibration})
        scores = nonconformity_scores(probabilities(logits, scaled)[gold])
        calibration = calibration.model_copy(update={"nonconformity": scores})
        if old is not None:
            return calibrate_out_of_scope(scaled.model_copy(update={"calibration": calibration}), logits, old.refused)
    else:
        plain = task.model_copy(update={"calibration": Calibration()})
        calibration = Calibration(thresholds=tune_thresholds(gold, probabilities(logits, plain)))
    return task.model_copy(update={"calibration": calibration})


def nonconformity_scores(probability: NDArray[np.float64], *, limit: int = MAX_NONCONFORMITY_SCORES) -> list[float]:
    """Return `1 - probability` of the gold label of each row, sorted; conformal sets are computed from them.

    `probability` is `(rows,)`. Of more rows than `limit`, scores at even ranks are kept and rounded up, so that the
    conformal sets are never smaller than those from all scores.

    >>> nonconformity_scores(np.array([0.75, 1.0, 0.5]))
    [0.0, 0.25, 0.5]
    """
    scores = np.sort(1.0 - probability)
    if len(scores) > limit:
        scores = scores[np.ceil(np.arange(1, limit + 1) * len(scores) / limit).astype(int) - 1]
    return [min(1.0, math.ceil(score * 1e6 - 1e-6) / 1e6) for score in scores.tolist()]

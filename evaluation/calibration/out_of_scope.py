"""Fits the limit below which a text is out of scope, on validation rows that are in scope.

The score is the calibrated probability of the most probable label (Hendrycks and Gimpel, A Baseline for Detecting
Misclassified and Out-of-Distribution Examples, 2017). It needs no out-of-scope rows, is one number between 0 and 1, and
is comparable between the two models of a cascade, which energy and margins are not.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import Classifier, OutOfScope, Task, TextClassification
from glossator.service.tasks.encoded import Floats
from glossator.service.tasks.text_classification import probabilities

_Task = TypeVar("_Task", bound=Classifier)


def knows_scope(task: Task) -> bool:
    """Return whether a model of this task can say that a text is out of scope: it gives a text exactly one label."""
    return isinstance(task, TextClassification) and task.problem_type == "single_label_classification"


def rows_needed(refused: float) -> int:
    """Return how many validation rows a limit for this share needs at least.

    >>> rows_needed(0.05)
    19
    """
    return math.ceil(1.0 / refused - 1.0 - 1e-9)


def fit_out_of_scope(confidence: NDArray[np.float64], refused: float) -> OutOfScope | None:
    """Return the limit at which a new text that is in scope is out of scope with a probability of at most `refused`.

    `confidence` `(rows,)` has the probability of the most probable label of validation rows. The limit is the value of
    rank `floor(refused * (rows + 1))`, as in split conformal prediction; None if there are too few rows for a rank.
    """
    rank = int(np.floor(refused * (len(confidence) + 1) + 1e-9))
    if rank < 1:
        return None
    limit = float(np.sort(confidence)[rank - 1])
    return OutOfScope(threshold=math.floor(limit * 1e6) / 1e6, refused=refused, rows=len(confidence))


def calibrate_out_of_scope(task: _Task, logits: Floats, refused: float | None = None) -> _Task:
    """Return the calibrated task with a limit that is fitted to the pooled logits of validation rows, `(rows, labels)`.

    `refused`: the share of in-scope texts; None takes that of the task, and returns a task without limit unchanged.
    """
    old = task.calibration.out_of_scope
    if refused is None:
        if old is None:
            return task
        refused = old.refused
    found = fit_out_of_scope(probabilities(logits, task).max(axis=-1), refused)
    return task.model_copy(update={"calibration": task.calibration.model_copy(update={"out_of_scope": found})})

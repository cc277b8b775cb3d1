"""Linear classifiers on fixed vectors, for one label per text or any number, fitted by scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.labelled_rows import inputs_of
from glossator.service.bundle.task import Classifier, Task
from glossator.service.tasks.encoded import group_by_text, windows_of
from glossator.training.algorithms.algorithm import TrainingContext
from glossator.training.objectives.labels import LabelObjective


@dataclass(frozen=True, slots=True)
class LinearHead:
    """`logits = vectors @ weights + bias`, with weights `(width, labels)` and bias `(labels,)`."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def __call__(self, vectors: Any) -> NDArray[np.float64]:
        return np.asarray(vectors @ self.weights + self.bias)


def fit_linear_head(
    vectors: Any,
    targets: NDArray[np.float32],
    weights: NDArray[np.float64],
    task: Task,
    make_estimator: Callable[[], Any],
) -> LinearHead:
    """Fit linear estimators of scikit-learn to `vectors`, and return their weights.

    Multi-label problems get one estimator per label. A label that all examples have, or none, gets zero weights and a
    large positive or negative bias.

    Args:
        vectors: `(examples, width)`, dense or sparse.
        targets: The labels of each example as 0 and 1, `(examples, labels)`.
        weights: The weight of each example, `(examples,)`.
        task: A classification task with `labels` labels.
        make_estimator: Returns a new estimator with `coef_` and `intercept_` after `fit`.
    """
    assert isinstance(task, Classifier)
    if task.problem_type == "single_label_classification":
        return fit_single_label(vectors, targets.argmax(axis=1), weights, targets.shape[1], make_estimator)
    columns = [_fit_one(vectors, targets[:, label] > 0, weights, make_estimator) for label in range(targets.shape[1])]
    return LinearHead(np.column_stack([weight for weight, _ in columns]), np.array([bias for _, bias in columns]))


_NEVER = -20.0
"""The logit of a label that no example has."""


def fit_single_label(
    vectors: Any, gold: NDArray[np.int64], weights: Any, labels: int, make_estimator: Callable[[], Any]
) -> LinearHead:
    """Fit one linear estimator whose examples have one label each, `gold` `(examples,)`; see `fit_linear_head`."""
    present = np.unique(gold)
    matrix, bias = np.zeros((vectors.shape[1], labels)), np.full(labels, _NEVER)
    if len(present) == 1:
        bias[present] = 0.0
        return LinearHead(matrix, bias)
    model = make_estimator().fit(vectors, gold, sample_weight=weights)
    found, offsets = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
    if len(found) == 1:  # two classes: scikit-learn gives one margin, for the second class
        found, offsets = np.vstack([-found / 2, found / 2]), np.concatenate([-offsets / 2, offsets / 2])
    matrix[:, present], bias[present] = found.T, offsets
    return LinearHead(matrix, bias)


def _fit_one(
    vectors: Any, present: NDArray[np.bool_], weights: Any, make_estimator: Callable[[], Any]
) -> tuple[Any, float]:
    """The weights `(width,)` and the bias for one label of a multi-label problem."""
    if present.all() or not present.any():
        return np.zeros(vectors.shape[1]), -_NEVER if present.all() else _NEVER
    model = make_estimator().fit(vectors, present, sample_weight=weights)
    return model.coef_[0], float(model.intercept_[0])


class ValidationScorer:
    """Scores heads on the validation rows. The vectors of `windows` are computed once for all heads."""

    def __init__(self, context: TrainingContext, model: Any) -> None:
        assert isinstance(context.objective, LabelObjective)
        pipeline = context.pipeline(model)
        self._context, self._labels, self._decoder = context, context.objective, pipeline.decoder
        self._texts = pipeline.encode_all(inputs_of(context.validation, context.task))
        self.windows = windows_of(self._texts)

    def score(self, head: LinearHead, vectors: Any) -> float:
        """The metric of a head on vectors `(windows, width)`; the decoder pools the windows of each text."""
        groups = group_by_text(self._texts, list(head(vectors)))
        pooled = [self._decoder.pool(text, group) for text, group in zip(self._texts, groups, strict=True)]
        return self._labels.score(np.stack(pooled), self._context.validation)

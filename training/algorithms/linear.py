"""A linear classifier on fixed vectors, for one label or any number: scikit-learn's solvers, our choice of strength."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.labelled_rows import inputs_of
from glossator.service.bundle.task import Classifier, Task
from glossator.service.tasks.encoded import group_by_text, windows_of
from glossator.training.algorithms.algorithm import Run
from glossator.training.objectives.labels import Labels


@dataclass(frozen=True, slots=True)
class Linear:
    """`logits = vectors @ weights + bias`: weights `(width, labels)`, bias `(labels,)`."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def __call__(self, vectors: Any) -> NDArray[np.float64]:
        return np.asarray(vectors @ self.weights + self.bias)


def fit_linear(
    vectors: Any,
    targets: NDArray[np.float32],
    weights: NDArray[np.float64],
    task: Task,
    make: Callable[[], Any],
) -> Linear:
    """Fits an estimator of scikit-learn that `make` makes to `vectors` `(examples, width)`, sparse or not.

    `targets` `(examples, labels)` say which labels each carries. For any number of labels there is one estimator for
    each; a label that every example carries, or none, has no weights and a bias that says so.
    """
    assert isinstance(task, Classifier)
    if task.problem_type == "single_label_classification":
        return _single(vectors, targets.argmax(axis=1), weights, targets.shape[1], make)
    columns = [_one(vectors, targets[:, label] > 0, weights, make) for label in range(targets.shape[1])]
    return Linear(np.column_stack([each for each, _ in columns]), np.array([bias for _, bias in columns]))


_NEVER = -20.0
"""The logit of a label that no example carries."""


def _single(vectors: Any, gold: NDArray[np.int64], weights: Any, labels: int, make: Callable[[], Any]) -> Linear:
    present = np.unique(gold)
    matrix, bias = np.zeros((vectors.shape[1], labels)), np.full(labels, _NEVER)
    if len(present) == 1:
        bias[present] = 0.0
        return Linear(matrix, bias)
    model = make().fit(vectors, gold, sample_weight=weights)
    found, offsets = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
    if len(found) == 1:  # two classes: one margin, for the second
        found, offsets = np.vstack([-found / 2, found / 2]), np.concatenate([-offsets / 2, offsets / 2])
    matrix[:, present], bias[present] = found.T, offsets
    return Linear(matrix, bias)


def _one(vectors: Any, carried: NDArray[np.bool_], weights: Any, make: Callable[[], Any]) -> tuple[Any, float]:
    if carried.all() or not carried.any():
        return np.zeros(vectors.shape[1]), -_NEVER if carried.all() else _NEVER
    model = make().fit(vectors, carried, sample_weight=weights)
    return model.coef_[0], float(model.intercept_[0])


class Held:
    """The validation texts as tokens: heads are judged on vectors of `windows` with no further pass of a model."""

    def __init__(self, run: Run, model: Any) -> None:
        assert isinstance(run.objective, Labels)
        pipeline = run.served(model)
        self._run, self._labels, self._decoder = run, run.objective, pipeline.decoder
        self._texts = pipeline.encode_all(inputs_of(run.validation, run.task))
        self.windows = windows_of(self._texts)

    def score(self, head: Linear, vectors: Any) -> float:
        """The metric of a head on the vectors `(windows, width)`; windows are put together by the decoder's own
        rule."""
        groups = group_by_text(self._texts, list(head(vectors)))
        pooled = [self._decoder.gather(text, group) for text, group in zip(self._texts, groups, strict=True)]
        return self._labels.score(np.stack(pooled), self._run.validation)

"""Logits to labels, for single- and multi-label classification. This is the one file where a logit becomes a label.

The rule, in order:

1. The windows of a long text are pooled on their logits: the mean over windows weighted by the tokens that each adds
   for a single label (the text is *about* one thing), the maximum for multi-label (a tag present anywhere is present).
2. Logits are divided by the temperature that was fitted on validation data.
3. `problem_type` says softmax or sigmoid, as the model was trained; the number of labels says nothing.
4. Single-label answers the most probable label (the first of equals, in label order). Multi-label answers each label
   whose probability reaches its threshold: the caller's, else the one tuned on validation data, else 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from service.bundle.task import Task
from service.errors import ConfigError

Floats = NDArray[np.float32] | NDArray[np.float64]

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Score:
    """One label and its probability."""

    label: str
    score: float


class Scores(Sequence[Score]):
    """Scores of one text, most probable first, made when they are read: most readers want the first alone, and a
    thousand texts of a hundred labels would be a hundred thousand objects."""

    __slots__ = ("_indices", "_labels", "_values")

    def __init__(self, labels: Sequence[str], indices: NDArray[np.intp], values: NDArray[np.float64]) -> None:
        self._labels = labels
        self._indices = indices
        self._values = values

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, place: int) -> Score: ...

    @overload
    def __getitem__(self, place: slice) -> Scores: ...

    def __getitem__(self, place: int | slice) -> Score | Scores:
        if isinstance(place, slice):
            return Scores(self._labels, self._indices[place], self._values[place])
        return Score(self._labels[self._indices[place]], float(self._values[place]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self))


@dataclass(frozen=True, slots=True)
class Classification:
    """The answer for one text.

    `labels` are the labels decided on: exactly one for single-label, any number for multi-label. `scores` are the
    probabilities of the `top_k` most probable labels, most probable first.
    """

    labels: tuple[str, ...]
    scores: Sequence[Score]

    @property
    def label(self) -> str | None:
        """The most probable label decided on, or None where a multi-label text carries none."""
        return self.labels[0] if self.labels else None

    @property
    def score(self) -> float:
        """The probability of the most probable label, decided on or not."""
        return self.scores[0].score


def pool_windows(logits: Floats, new_tokens: Sequence[int], task: Task) -> NDArray[np.float64]:
    """The logits of one text from those of its windows: `(windows, labels)` to `(labels,)`.

    `new_tokens` says how many tokens each window adds that no earlier window held.
    """
    wide = np.asarray(logits, dtype=np.float64)
    if len(wide) == 1:
        return np.asarray(wide[0])
    if task.problem_type == "multi_label_classification":
        return np.asarray(wide.max(axis=0))
    return np.asarray(np.average(wide, axis=0, weights=np.asarray(new_tokens, dtype=np.float64)))


def probabilities(logits: Floats, task: Task) -> NDArray[np.float64]:
    """Probabilities from pooled logits, over the last axis: softmax or sigmoid as `problem_type` says."""
    scaled = np.asarray(logits, dtype=np.float64) / task.calibration.temperature
    if task.problem_type == "multi_label_classification":
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * scaled)))  # the logistic function, with no overflow
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    exponentials = np.exp(scaled)
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def decide(probability: Floats, task: Task, threshold: float | None = None) -> NDArray[np.bool_]:
    """Which labels are given, over the last axis: `(..., labels)` of bool."""
    if task.problem_type == "multi_label_classification":
        limits: float | Sequence[float] = DEFAULT_THRESHOLD if threshold is None else threshold
        if threshold is None and task.calibration.thresholds is not None:
            limits = task.calibration.thresholds
        return np.asarray(probability >= np.asarray(limits))
    best = probability.argmax(axis=-1, keepdims=True)
    return np.asarray(np.arange(probability.shape[-1]) == best)


def decode(logits: Floats, task: Task, *, top_k: int | None = None, threshold: float | None = None) -> Classification:
    """The answer for one text from its pooled logits `(labels,)`; see `decode_all`."""
    (answer,) = decode_all(logits[np.newaxis], task, top_k=top_k, threshold=threshold)
    return answer


def decode_all(
    logits: Floats, task: Task, *, top_k: int | None = None, threshold: float | None = None
) -> list[Classification]:
    """The answer for each text from pooled logits `(texts, labels)`.

    `top_k` limits the scores that are listed (all by default), never the labels decided on. `threshold` replaces the
    multi-label thresholds of the bundle. Raises ConfigError where an option cannot apply.
    """
    check_options(task, top_k=top_k, threshold=threshold)
    probability = probabilities(logits, task)  # (texts, labels)
    order = np.argsort(-probability, axis=-1, kind="stable")  # (texts, labels), most probable first
    each = np.arange(len(order))[:, np.newaxis]
    rows, places = np.nonzero(decide(probability, task, threshold)[each, order])
    given = [task.labels[index] for index in order[rows, places].tolist()]
    begins = np.searchsorted(rows, np.arange(len(order) + 1)).tolist()
    listed = order if top_k is None else order[:, :top_k]
    values = probability[each, listed]
    return [
        Classification(
            labels=tuple(given[begins[row] : begins[row + 1]]),
            scores=Scores(task.labels, listed[row], values[row]),
        )
        for row in range(len(order))
    ]


def check_options(task: Task, *, top_k: int | None = None, threshold: float | None = None) -> None:
    """Raises ConfigError where `top_k` or `threshold` cannot apply to this task."""
    if top_k is not None and top_k < 1:
        raise ConfigError("top_k is too small", found=top_k, expected="1 or more")
    if threshold is None:
        return
    if task.problem_type != "multi_label_classification":
        raise ConfigError(
            "threshold does not apply: this model gives exactly one label a text",
            found=threshold,
            expected="no threshold with single_label_classification",
            way_out="Read `score` of the answer and drop what is too unsure for you.",
        )
    if not 0.0 <= threshold <= 1.0:
        raise ConfigError("threshold is outside its range", found=threshold, expected="a number from 0 to 1")

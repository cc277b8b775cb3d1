"""Logits to labels, for single- and multi-label classification. This is the one file where a logit becomes a label.

1. The logits of the windows of a long text are pooled. Single-label: the mean, weighted by the new tokens of each
   window (the text has one topic). Multi-label: the maximum (a label that applies anywhere applies).
2. Logits are divided by the temperature fitted on validation data.
3. `problem_type` decides between softmax and sigmoid, never the number of labels.
4. Single-label: the most probable label; of equals, the first in label order. Multi-label: each label whose
   probability reaches its threshold: the caller's, else the one tuned on validation data, else 0.5.
5. A text is out of scope if even its most probable label is less probable than the limit fitted on validation data.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import Classifier, ProblemType
from glossator.service.errors import ConfigError
from glossator.service.tasks.encoded import EncodedText, Floats, weighted_mean
from glossator.service.tasks.options import DEFAULTS, DecodeOptions

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Score:
    """A label and its probability."""

    label: str
    score: float


class Scores(Sequence[Score]):
    """Scores of one text, most probable first. `Score` objects are created on access, because most callers read one."""

    __slots__ = ("_indices", "_labels", "_probability", "_values")

    def __init__(
        self,
        labels: Sequence[str],
        indices: NDArray[np.intp],
        values: NDArray[np.float64],
        probability: NDArray[np.float64] | None = None,
    ) -> None:
        self._labels = labels
        self._indices = indices
        self._values = values
        self._probability = probability

    @property
    def values(self) -> NDArray[np.float64]:
        """The probabilities."""
        return self._values

    @property
    def indices(self) -> NDArray[np.intp]:
        """The places of the labels in label order."""
        return self._indices

    @property
    def probability(self) -> NDArray[np.float64] | None:
        """The probability of each label of the task, listed or not, in label order; None if not known."""
        return self._probability

    def best(self, count: int) -> list[Score]:
        """Return the `count` most probable labels, also those that are not listed if they are known."""
        if self._probability is None or len(self) >= min(count, len(self._probability)):
            return list(self[:count])
        order = np.argsort(-self._probability, kind="stable")[:count]
        return [Score(self._labels[place], float(self._probability[place])) for place in order.tolist()]

    def names(self) -> list[str]:
        """The labels."""
        return [self._labels[index] for index in self._indices.tolist()]

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[Score]:
        return map(Score, self.names(), self._values.tolist())

    @overload
    def __getitem__(self, place: int) -> Score: ...

    @overload
    def __getitem__(self, place: slice) -> Scores: ...

    def __getitem__(self, place: int | slice) -> Score | Scores:
        if isinstance(place, slice):
            return Scores(self._labels, self._indices[place], self._values[place], self._probability)
        return Score(self._labels[self._indices[place]], float(self._values[place]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self))


@dataclass(frozen=True, slots=True)
class Classification:
    """The prediction for one text.

    `labels`: the assigned labels, exactly one for single-label, any number for multi-label. `scores`: the `top_k` most
    probable labels, most probable first.
    """

    labels: tuple[str, ...]
    scores: Sequence[Score]
    out_of_scope: bool | None = None
    """Whether the text is unlike the texts that the model was trained for; None if the model cannot say. The labels are
    those that the model would give otherwise."""

    @property
    def out_of_scope_score(self) -> float | None:
        """From 0 to 1, higher for texts further out of scope: 1 minus the probability of the most probable label."""
        return None if self.out_of_scope is None else 1.0 - self.score

    @property
    def label(self) -> str | None:
        """The most probable assigned label, or None if no label is assigned."""
        return self.labels[0] if self.labels else None

    @property
    def score(self) -> float:
        """The probability of the most probable label, assigned or not."""
        return self.scores[0].score


def label_by_probability(
    labels: Sequence[str], probability: NDArray[np.float64], threshold: float | None = None
) -> Classification:
    """Return the classification for probabilities `(labels,)` of labels that are not those of a trained task.

    Assigns the most probable label or, with a threshold, each label that reaches it.
    """
    order = np.argsort(-probability, kind="stable")
    values = probability[order]
    count = 1 if threshold is None else int((values >= threshold).sum())
    return Classification(tuple(labels[index] for index in order[:count]), Scores(labels, order, values))


def pool_windows(logits: Floats | Sequence[Floats], new_tokens: Sequence[int], task: Classifier) -> NDArray[np.float64]:
    """Pool the logits of the windows of one text: `(windows, labels)` to `(labels,)`.

    `new_tokens`: for each window, the number of tokens that no earlier window contains.
    """
    if len(logits) == 1:
        return np.asarray(logits[0], dtype=np.float64)
    wide = np.asarray(logits, dtype=np.float64)
    if task.problem_type == "multi_label_classification":
        return np.asarray(wide.max(axis=0))
    return weighted_mean(wide, new_tokens)


def probabilities(logits: Floats, task: Classifier) -> NDArray[np.float64]:
    """Return probabilities from pooled logits over the last axis: softmax or sigmoid, according to `problem_type`."""
    return _probabilities(logits, task.problem_type, task.calibration.temperature)


def _probabilities(
    logits: Floats, problem_type: ProblemType, temperature: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """`probabilities`, for temperatures that NumPy broadcasts to the logits."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    if problem_type == "multi_label_classification":
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * scaled)))  # the logistic function, without overflow
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    exponentials = np.exp(scaled)
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def decide(probability: Floats, task: Classifier, threshold: float | None = None) -> NDArray[np.bool_]:
    """Return which labels are assigned, over the last axis: `(..., labels)` of bool."""
    return _decide(probability, task.problem_type, _thresholds(task, threshold))


def _thresholds(task: Classifier, threshold: float | None) -> float | Sequence[float]:
    """The threshold of each label, or one for all: the caller's, else the tuned ones, else 0.5."""
    if threshold is not None:
        return threshold
    tuned = task.calibration.thresholds
    return DEFAULT_THRESHOLD if tuned is None else tuned


def _decide(
    probability: Floats, problem_type: ProblemType, limits: float | Sequence[float] | NDArray[np.float64]
) -> NDArray[np.bool_]:
    """`decide`, for thresholds that NumPy broadcasts to the probabilities."""
    if problem_type == "multi_label_classification":
        return np.asarray(probability >= np.asarray(limits))
    best = probability.argmax(axis=-1, keepdims=True)
    return np.asarray(np.arange(probability.shape[-1]) == best)


def find_out_of_scope(probability: Floats, task: Classifier) -> NDArray[np.bool_] | None:
    """Return which texts are out of scope, `(texts,)`, from probabilities `(texts, labels)`; None if not calibrated."""
    limit = task.calibration.out_of_scope
    return None if limit is None else _is_outside(probability, limit.threshold)


def _is_outside(probability: Floats, limit: float | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether even the most probable label is less probable than the limit, over the last axis."""
    return np.asarray(probability.max(axis=-1) < limit)


def decode(logits: Floats, task: Classifier, options: DecodeOptions = DEFAULTS) -> Classification:
    """Return the classification of one text from its pooled logits `(labels,)`; see `decode_all`."""
    (answer,) = decode_all(logits[np.newaxis], task, options)
    return answer


def decode_all(logits: Floats, task: Classifier, options: DecodeOptions = DEFAULTS) -> list[Classification]:
    """Return the classification of each text from pooled logits `(texts, labels)`.

    `top_k` limits the listed scores (default: all), never the assigned labels. Raises ConfigError if an option does not
    apply.
    """
    (answers,) = decode_stacked(logits[:, np.newaxis], (task,), options)
    return answers


def stack_key(task: Classifier) -> Hashable:
    """Return what tasks have in common whose logits can be stacked for `decode_stacked`."""
    calibration = task.calibration
    return task.problem_type, len(task.labels), calibration.thresholds is None, calibration.out_of_scope is None


def decode_stacked(
    logits: Floats, tasks: Sequence[Classifier], options: DecodeOptions = DEFAULTS
) -> list[list[Classification]]:
    """Return for each task what `decode_all` returns, from pooled logits `(texts, tasks, labels)`.

    The tasks must have the same `stack_key`. Many small tasks then cost about as much as one large task.
    """
    check_options(tasks[0], options)
    problem_type = tasks[0].problem_type
    temperatures = np.array([[task.calibration.temperature] for task in tasks])  # (tasks, 1)
    probability = _probabilities(logits, problem_type, temperatures)  # (texts, tasks, labels)
    if options.coverage is not None:
        limits = np.array([[_conformal_limit(task, options.coverage)] for task in tasks])  # (tasks, 1)
        decided = _conformal_set(probability, limits, empty=options.empty_sets)
    else:
        limits = np.array([_thresholds(task, options.threshold) for task in tasks]).reshape(len(tasks), -1)
        decided = _decide(probability, problem_type, limits)
    if options.min_confidence is not None:
        decided &= probability >= options.min_confidence
    scopes = [task.calibration.out_of_scope for task in tasks]
    scope_limits = np.array([scope.threshold for scope in scopes if scope is not None])  # (tasks,)
    outside = _is_outside(probability, scope_limits) if len(scope_limits) else None  # (texts, tasks)
    return _classifications(probability, decided, outside, tasks, options.top_k)


def _classifications(
    probability: NDArray[np.float64],
    decided: NDArray[np.bool_],
    outside: NDArray[np.bool_] | None,
    tasks: Sequence[Classifier],
    top_k: int | None,
) -> list[list[Classification]]:
    """Return the classifications of each task from `(texts, tasks, labels)`, and from `(texts, tasks)` of `outside`."""
    texts, count, width = probability.shape
    rows = probability.swapaxes(0, 1).reshape(count * texts, width)  # the texts of the first task, of the second, ...
    order = np.argsort(-rows, axis=-1, kind="stable")  # most probable first
    each = np.arange(len(order))[:, np.newaxis]
    assigned = decided.swapaxes(0, 1).reshape(count * texts, width)[each, order]
    given, places = np.nonzero(assigned)
    names = [
        tasks[row // texts].labels[index]
        for row, index in zip(given.tolist(), order[given, places].tolist(), strict=True)
    ]
    begins = np.searchsorted(given, np.arange(len(order) + 1)).tolist()
    listed = order if top_k is None else order[:, :top_k]
    values = rows[each, listed]
    scope = None if outside is None else outside.T.ravel().tolist()
    return [
        [
            Classification(
                labels=tuple(names[begins[row] : begins[row + 1]]),
                scores=Scores(task.labels, listed[row], values[row], rows[row]),
                out_of_scope=None if scope is None else scope[row],
            )
            for row in range(place * texts, (place + 1) * texts)
        ]
        for place, task in enumerate(tasks)
    ]


def conformal_set(probability: Floats, task: Classifier, coverage: float, *, empty: bool = False) -> NDArray[np.bool_]:
    """Return the smallest label sets that contain the right label with probability `coverage`: `(texts, labels)`.

    The probability holds for texts like the validation rows.

    Split conformal prediction with the score `1 - probability of the true label` (Sadinle, Lei and Wasserman 2019;
    Angelopoulos and Bates 2021, section 1). The most probable label is always included, unless a set may be `empty`:
    then a text whose labels are all less probable than those of most validation rows gets none.
    """
    return _conformal_set(probability, _conformal_limit(task, coverage), empty=empty)


def _conformal_limit(task: Classifier, coverage: float) -> float:
    """The largest `1 - probability` of a label in a set, from the validation rows."""
    scores = task.calibration.nonconformity
    if scores is None:
        raise ConfigError(
            "coverage is not available: the model was trained without validation rows",
            found=coverage,
            hint="Remove the option, or train with validation rows.",
        )
    rank = int(np.ceil((len(scores) + 1) * coverage - 1e-9))
    return scores[max(rank, 1) - 1] if rank <= len(scores) else 1.0  # too few validation rows for a smaller set


def _conformal_set(
    probability: Floats, limit: float | NDArray[np.float64], *, empty: bool = False
) -> NDArray[np.bool_]:
    """`conformal_set`, for limits that NumPy broadcasts to the probabilities."""
    inside = 1.0 - probability <= limit + 1e-12
    best = np.arange(probability.shape[-1]) == probability.argmax(axis=-1, keepdims=True)
    return np.asarray(inside if empty else inside | best)


def check_options(task: Classifier, options: DecodeOptions) -> None:
    """Raise ConfigError if an option does not apply to this task."""
    options.check(task.task, ("top_k", "threshold", "min_confidence", "coverage", "empty_sets"))
    if task.problem_type == "multi_label_classification":
        for name in ("min_confidence", "coverage"):
            if (value := getattr(options, name)) is not None:
                raise ConfigError(
                    f"{name} does not apply: this model assigns any number of labels to a text",
                    found=value,
                    hint="Use threshold: labels with at least this probability are assigned.",
                )
    elif options.threshold is not None:
        raise ConfigError(
            "threshold does not apply: this model assigns exactly one label to a text",
            found=options.threshold,
            expected="no threshold with single_label_classification",
            hint="Use min_confidence: below this probability, no label is assigned.",
        )
    if options.min_confidence is not None and options.coverage is not None:
        raise ConfigError("min_confidence and coverage cannot be combined", hint="Use one of them.")
    if options.empty_sets and options.coverage is None:
        raise ConfigError("empty_sets needs coverage", found="no coverage", hint="Set coverage too, such as 0.95.")


class Decoder:
    """Decodes labels of texts and pairs."""

    needs_alignment = False

    def __init__(self, task: Classifier) -> None:
        self.task = task

    def check(self, options: DecodeOptions) -> None:
        """Raise ConfigError if an option does not apply."""
        check_options(self.task, options)

    def pool(self, text: EncodedText, outputs: Sequence[Floats]) -> NDArray[np.float64]:
        """Return the pooled logits `(labels,)` of a text."""
        return pool_windows(outputs, text.new_tokens, self.task)

    def decode(
        self, texts: Sequence[EncodedText], pooled: Sequence[NDArray[np.float64]], options: DecodeOptions
    ) -> list[Classification]:
        """Return the classification of each text from its pooled logits."""
        if not pooled:
            return []
        return decode_all(np.stack(pooled), self.task, options)

    def summary(self, answer: Classification) -> tuple[tuple[str, ...], float]:
        """Return the assigned labels and the score of the most probable label."""
        return answer.labels, answer.score

"""Logits to the score of a text or of a pair of texts.

A score is in the range of the training data, `low + (high - low) * sigmoid(logit)`, or the logit itself if the range is
not known. The windows of a long text are pooled like those of a text with one label: the mean of their logits, weighted
by the new tokens of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import Classifier, Task
from glossator.service.tasks.encoded import EncodedText, Floats
from glossator.service.tasks.options import DecodeOptions
from glossator.service.tasks.text_classification import pool_windows


@dataclass(frozen=True, slots=True)
class Rating:
    """The score of a text or a pair."""

    score: float


def is_rating(task: Task) -> TypeGuard[Classifier]:
    """Whether a model of this task gives a score, and no labels."""
    return isinstance(task, Classifier) and task.problem_type == "regression"


def scores(logits: Floats, task: Classifier) -> NDArray[np.float64]:
    """Return scores `(texts,)` from pooled logits `(texts, 1)`."""
    column = np.asarray(logits, dtype=np.float64)[:, 0]
    if task.score_range is None:
        return column
    low, high = task.score_range
    return np.asarray(low + (high - low) * 0.5 * (1.0 + np.tanh(0.5 * column)))


def score_spread(task: Classifier, known: Floats) -> float:
    """Return the width of the score range; if it has no limits, that of `known` scores."""
    if task.score_range is None:
        return float(np.ptp(known)) if len(known) else 0.0
    return task.score_range[1] - task.score_range[0]


class Decoder:
    """Decodes the score of texts or pairs."""

    needs_alignment = False

    def __init__(self, task: Classifier) -> None:
        self.task = task

    def check(self, options: DecodeOptions) -> None:
        """Raise ConfigError if an option does not apply."""
        options.check(f"a {self.task.task} model with scores", ())

    def pool(self, text: EncodedText, outputs: Sequence[Floats]) -> NDArray[np.float64]:
        """Return the pooled logits `(1,)` of a text."""
        return pool_windows(outputs, text.new_tokens, self.task)

    def decode(
        self, texts: Sequence[EncodedText], pooled: Sequence[NDArray[np.float64]], options: DecodeOptions
    ) -> list[Rating]:
        """Return the score of each text from its pooled logits."""
        return [Rating(float(score)) for score in scores(np.stack(pooled), self.task)] if pooled else []

    def summary(self, answer: Rating) -> tuple[tuple[str, ...], float]:
        """Return no labels, and the score."""
        return (), answer.score

"""Logits to the label or the score of a pair of texts. Labels are decided by `text_classification`.

A score is in the range of the training data: `low + (high - low) * sigmoid(logit)`. The windows of a long pair are
pooled like those of a text: the mean of their logits, weighted by the new tokens of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import TextPair
from glossator.service.tasks import text_classification
from glossator.service.tasks.encoded import EncodedText, Floats
from glossator.service.tasks.options import DecodeOptions


@dataclass(frozen=True, slots=True)
class Rating:
    """The score of a pair, in the range of the training data."""

    score: float


def scores(logits: Floats, task: TextPair) -> NDArray[np.float64]:
    """Return scores `(pairs,)` from pooled logits `(pairs, 1)`."""
    low, high = task.score_range
    return np.asarray(low + (high - low) * 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64)[:, 0])))


class Decoder:
    """Decodes the label or the score of pairs."""

    needs_alignment = False

    def __init__(self, task: TextPair) -> None:
        self.task = task
        self._labels = text_classification.Decoder(task)

    def check(self, options: DecodeOptions) -> None:
        """Raise ConfigError if an option does not apply."""
        if self.task.problem_type == "regression":
            options.check("a text-pair model with scores", ())
        else:
            self._labels.check(options)

    def pool(self, text: EncodedText, outputs: Sequence[Floats]) -> NDArray[np.float64]:
        """Return the pooled logits `(labels,)` of a pair."""
        return self._labels.pool(text, outputs)

    def decode(
        self, texts: Sequence[EncodedText], pooled: Sequence[NDArray[np.float64]], options: DecodeOptions
    ) -> Sequence[text_classification.Classification | Rating]:
        """Return the label or the score of each pair from its pooled logits."""
        if self.task.problem_type != "regression" or not pooled:
            return self._labels.decode(texts, pooled, options)
        return [Rating(float(score)) for score in scores(np.stack(pooled), self.task)]

    def summary(self, answer: text_classification.Classification | Rating) -> tuple[tuple[str, ...], float]:
        """Return the labels and the score that golden rows record."""
        return ((), answer.score) if isinstance(answer, Rating) else self._labels.summary(answer)

"""Logits to the label or the score of two texts. Labels are decided as for one text (`text_classification`).

A score lies in the range that the training data had: `low + (high - low) * sigmoid(logit)`. The windows of a long pair
are pooled as those of a text: their logits' mean, weighted by the tokens that each adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import TextPair
from glossator.service.tasks import text_classification
from glossator.service.tasks.encoded import EncodedText, Floats
from glossator.service.tasks.options import Options


@dataclass(frozen=True, slots=True)
class Rating:
    """The score of a pair, in the range of the training data."""

    score: float


def scores(logits: Floats, task: TextPair) -> NDArray[np.float64]:
    """Scores `(pairs,)` from pooled logits `(pairs, 1)`."""
    low, high = task.score_range
    return np.asarray(low + (high - low) * 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64)[:, 0])))


class Decoder:
    """Logits of windows to the label or the score of a pair."""

    needs_alignment = False

    def __init__(self, task: TextPair) -> None:
        self.task = task
        self._labels = text_classification.Decoder(task)

    def check(self, options: Options) -> None:
        """Raises ConfigError where an option cannot apply."""
        if self.task.problem_type == "regression":
            options.check("a text-pair that gives scores", ())
        else:
            self._labels.check(options)

    def gather(self, text: EncodedText, outputs: Sequence[Floats]) -> NDArray[np.float64]:
        """The pooled logits `(labels,)` of a pair."""
        return self._labels.gather(text, outputs)

    def answer(
        self, texts: Sequence[EncodedText], gathered: Sequence[NDArray[np.float64]], options: Options
    ) -> Sequence[text_classification.Classification | Rating]:
        """The label or the score of each pair from its pooled logits."""
        if self.task.problem_type != "regression" or not gathered:
            return self._labels.answer(texts, gathered, options)
        return [Rating(float(score)) for score in scores(np.stack(gathered), self.task)]

    def summary(self, answer: text_classification.Classification | Rating) -> tuple[tuple[str, ...], float]:
        """What golden rows record of an answer."""
        return ((), answer.score) if isinstance(answer, Rating) else self._labels.summary(answer)

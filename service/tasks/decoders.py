"""The decoder of each task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import Task
from glossator.service.tasks import (
    question_answering,
    rating,
    text_classification,
    text_embedding,
    token_classification,
)
from glossator.service.tasks.encoded import EncodedText, Floats
from glossator.service.tasks.options import DecodeOptions

Prediction = (
    text_classification.Classification
    | rating.Rating
    | token_classification.Entities
    | question_answering.Extraction
    | text_embedding.Embedding
)
"""The prediction types of the tasks."""


class Decoder(Protocol):
    """Turns the graph's outputs for the windows of a text into a prediction, in two steps.

    `pool` merges the outputs of the windows of one text; `decode` makes predictions.
    """

    @property
    def needs_alignment(self) -> bool:
        """Whether texts must be encoded with the positions of their tokens."""

    def check(self, options: DecodeOptions) -> None:
        """Raise ConfigError if an option does not apply to the task."""

    def pool(self, text: EncodedText, outputs: Sequence[Floats]) -> NDArray[np.float64]:
        """Merge the graph's `outputs` for the windows of one text."""

    def decode(
        self, texts: Sequence[EncodedText], pooled: Sequence[NDArray[np.float64]], options: DecodeOptions
    ) -> Sequence[Prediction]:
        """Return the prediction for each text from its merged outputs."""

    def summary(self, answer: Any) -> tuple[tuple[str, ...], float]:
        """Return the labels and the score that golden rows record."""


_DECODERS: dict[str, type[Any]] = {
    "text-classification": text_classification.Decoder,
    "text-pair": text_classification.Decoder,
    "token-classification": token_classification.Decoder,
    "question-answering": question_answering.Decoder,
    "text-embedding": text_embedding.Decoder,
}


def decoder(task: Task) -> Decoder:
    """Return the decoder of a task."""
    made: Decoder = rating.Decoder(task) if rating.is_rating(task) else _DECODERS[task.task](task)
    return made

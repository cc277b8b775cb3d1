"""Which decoder answers for which task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import Task
from glossator.service.tasks import (
    question_answering,
    text_classification,
    text_embedding,
    text_pair,
    token_classification,
)
from glossator.service.tasks.encoded import EncodedText, Floats
from glossator.service.tasks.options import Options

Prediction = (
    text_classification.Classification
    | text_pair.Rating
    | token_classification.Entities
    | question_answering.Extraction
    | text_embedding.Embedding
)
"""What is answered, by task."""


class Decoder(Protocol):
    """From what the graph gives for the windows of a text to its answer, in two steps: `gather` puts the windows of a
    text together, `answer` decides."""

    @property
    def needs_alignment(self) -> bool:
        """Whether texts must be encoded with the places of their tokens."""

    def check(self, options: Options) -> None:
        """Raises ConfigError where an option cannot apply."""

    def gather(self, text: EncodedText, outputs: Sequence[Floats]) -> NDArray[np.float64]:
        """What the windows of one text come to; `outputs` has what the graph gave for each window."""

    def answer(
        self, texts: Sequence[EncodedText], gathered: Sequence[NDArray[np.float64]], options: Options
    ) -> Sequence[Prediction]:
        """The answer for each text from what was gathered."""

    def summary(self, answer: Any) -> tuple[tuple[str, ...], float]:
        """Labels and score that golden rows record of an answer."""


_DECODERS: dict[str, type[Any]] = {
    "text-classification": text_classification.Decoder,
    "text-pair": text_pair.Decoder,
    "token-classification": token_classification.Decoder,
    "question-answering": question_answering.Decoder,
    "text-embedding": text_embedding.Decoder,
}


def decoder(task: Task) -> Decoder:
    """The decoder of a task."""
    made: Decoder = _DECODERS[task.task](task)
    return made

"""The vectors of windows to that of a text: their mean, weighted by the tokens that each adds, scaled to length 1 again
where the model's vectors are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import TextEmbedding
from glossator.service.errors import ConfigError
from glossator.service.tasks.encoded import EncodedText, Floats, weighted_mean
from glossator.service.tasks.options import Options


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A text's vector `(dimension,)`."""

    vector: NDArray[np.float32]


class Decoder:
    """Vectors of windows to vectors of texts."""

    needs_alignment = False

    def __init__(self, task: TextEmbedding) -> None:
        self.task = task

    def check(self, options: Options) -> None:
        """Raises ConfigError where an option cannot apply."""
        options.check(self.task.task, ())

    def gather(self, text: EncodedText, outputs: Sequence[Floats]) -> NDArray[np.float64]:
        """The vector `(dimension,)` of a text."""
        if len(outputs) == 1:
            return np.asarray(outputs[0], dtype=np.float64)
        vector = weighted_mean(np.asarray(outputs, dtype=np.float64), text.new_tokens)
        return vector / max(float(np.linalg.norm(vector)), 1e-12) if self.task.normalized else vector

    def answer(
        self, texts: Sequence[EncodedText], gathered: Sequence[NDArray[np.float64]], options: Options
    ) -> list[Embedding]:
        """The vector of each text."""
        return [Embedding(vector.astype(np.float32)) for vector in gathered]

    def summary(self, answer: Embedding) -> tuple[tuple[str, ...], float]:
        """What golden rows record of an answer: the vector's length, to four digits what the vector itself tells."""
        return (), float(np.linalg.norm(answer.vector.astype(np.float64)))


def shortened(
    vector: NDArray[np.float32], dimensions: int | None = None, *, normalize: bool | None = None
) -> NDArray[np.float32]:
    """The first `dimensions` numbers of a vector, scaled to length 1 where it is shortened or `normalize` asks for it
    (Kusupati et al. 2022 train models of which the first numbers say the most; others lose by it).

    Raises ConfigError for more dimensions than there are.
    """
    if dimensions is not None and not 1 <= dimensions <= len(vector):
        raise ConfigError(
            "the vectors have fewer dimensions", found=dimensions, expected=f"1 to {len(vector)}",
            hint="Leave dimensions out.",
        )  # fmt: skip
    cut = vector if dimensions is None else vector[:dimensions]
    if normalize or (normalize is None and len(cut) < len(vector)):
        length = float(np.linalg.norm(cut.astype(np.float64)))
        if abs(length - 1.0) > 1e-6:
            return (cut / max(length, 1e-12)).astype(np.float32)
    return cut


def cosine(first: Floats, second: Floats) -> NDArray[np.float64]:
    """Cosine similarities `(first, second)` of two sets of vectors, `(n, dimension)` each."""
    sides = [np.asarray(side, dtype=np.float64) for side in (first, second)]
    left, right = (side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12) for side in sides)
    return np.asarray(left @ right.T)

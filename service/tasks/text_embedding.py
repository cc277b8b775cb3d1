"""Vectors of windows to the vector of a text: their mean, weighted by the new tokens of each window.

If the model's vectors have length 1, so has the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import TextEmbedding
from glossator.service.errors import ConfigError
from glossator.service.tasks.encoded import EncodedText, Floats, weighted_mean
from glossator.service.tasks.options import DecodeOptions


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """The vector `(dimension,)` of a text."""

    vector: NDArray[np.float32]


class Decoder:
    """Decodes vectors of texts."""

    needs_alignment = False

    def __init__(self, task: TextEmbedding) -> None:
        self.task = task

    def check(self, options: DecodeOptions) -> None:
        """Raise ConfigError if an option does not apply."""
        options.check(self.task.task, ())

    def pool(self, text: EncodedText, outputs: Sequence[Floats]) -> NDArray[np.float64]:
        """Return the vector `(dimension,)` of a text."""
        if len(outputs) == 1:
            return np.asarray(outputs[0], dtype=np.float64)
        vector = weighted_mean(np.asarray(outputs, dtype=np.float64), text.new_tokens)
        return vector / max(float(np.linalg.norm(vector)), 1e-12) if self.task.normalized else vector

    def decode(
        self, texts: Sequence[EncodedText], pooled: Sequence[NDArray[np.float64]], options: DecodeOptions
    ) -> list[Embedding]:
        """Return the vector of each text."""
        return [Embedding(vector.astype(np.float32)) for vector in pooled]

    def summary(self, answer: Embedding) -> tuple[tuple[str, ...], float]:
        """Return no labels and the length of the vector."""
        return (), float(np.linalg.norm(answer.vector.astype(np.float64)))


def truncate_vector(
    vector: NDArray[np.float32], dimensions: int | None = None, *, normalize: bool | None = None
) -> NDArray[np.float32]:
    """Return the first `dimensions` numbers of a vector, scaled to length 1 if it was truncated or `normalize` is set.

    Truncation keeps quality only for models trained for it (Matryoshka: Kusupati et al. 2022). Raises ConfigError if
    the vector has fewer dimensions.
    """
    if dimensions is not None and not 1 <= dimensions <= len(vector):
        raise ConfigError(
            "the vectors have fewer dimensions", found=dimensions, expected=f"1 to {len(vector)}",
            hint="Remove the option dimensions.",
        )  # fmt: skip
    cut = vector if dimensions is None else vector[:dimensions]
    if normalize or (normalize is None and len(cut) < len(vector)):
        length = float(np.linalg.norm(cut.astype(np.float64)))
        if abs(length - 1.0) > 1e-6:
            return (cut / max(length, 1e-12)).astype(np.float32)
    return cut


def cosine_similarities(first: Floats, second: Floats) -> NDArray[np.float64]:
    """Return the cosine similarities `(first, second)` of two sets of vectors, each `(n, dimension)`."""
    sides = [np.asarray(side, dtype=np.float64) for side in (first, second)]
    left, right = (side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12) for side in sides)
    return np.asarray(left @ right.T)

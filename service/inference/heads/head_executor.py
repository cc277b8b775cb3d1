"""The linear layer of a head, computed on the vectors of its backbone."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.linear_layer import LinearLayer
from glossator.service.inference.cascade import Executor
from glossator.service.inference.queue.calls import BatchFuture, Lane, Outputs, Windows, follow


class HeadLogits:
    """Turns vectors `(dimension,)` into logits `(labels,)`.

    Products are computed in float64 and rounded to float32. So a text gets the same logits alone and in a batch,
    although a matrix product adds in another order for another number of rows.
    """

    def __init__(self, layer: LinearLayer) -> None:
        self._weight = np.ascontiguousarray(layer.weight.T, dtype=np.float64)  # (dimension, labels)
        self._bias = layer.bias.astype(np.float64)  # (labels,)

    def __call__(self, vectors: Outputs) -> Outputs:
        """Return the logits of each vector."""
        return list(self.of_stacked(stack_vectors(vectors))) if len(vectors) else []

    def of_stacked(self, vectors: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the logits `(windows, labels)` of vectors `(windows, dimension)`."""
        return (vectors @ self._weight + self._bias).astype(np.float32)


def stack_vectors(vectors: Outputs) -> NDArray[np.float64]:
    """Return the vectors as `(windows, dimension)`."""
    return np.asarray(vectors, dtype=np.float64)


class HeadExecutor:
    """Runs windows through the backbone, then through the linear layer of a head."""

    def __init__(self, backbone: Executor, logits: HeadLogits) -> None:
        self._backbone = backbone
        self._logits = logits

    def submit(self, windows: Windows, *, lane: Lane = "interactive", deadline: float | None = None) -> Future[Outputs]:
        """Queue the windows at the backbone and return their future logits; see `Batcher.submit`."""
        together = BatchFuture()
        follow(together, self._backbone.submit(windows, lane=lane, deadline=deadline), self._logits)
        return together

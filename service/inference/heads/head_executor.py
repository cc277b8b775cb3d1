"""The linear layer of a head, computed on the vectors of its backbone: of whole windows, or of their tokens."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.linear_layer import LinearLayer
from glossator.service.inference.cascade import Executor
from glossator.service.inference.queue.calls import BatchFuture, Lane, Outputs, Windows, follow
from glossator.service.tasks.encoded import Floats, TokenWindow, token_vectors


class HeadLogits:
    """Turns the outputs of a backbone into logits: `(labels,)` of a window, or `(tokens, labels)` of its tokens.

    Products are computed in float64 and rounded to float32. So a text gets the same logits alone and in a batch,
    although a matrix product adds in another order for another number of rows.
    """

    def __init__(self, layer: LinearLayer, *, tokens_after: int | None = None) -> None:
        """`tokens_after`: for a layer that reads tokens, the numbers of the vector of the window before theirs."""
        self._weight = np.ascontiguousarray(layer.weight.T, dtype=np.float64)  # (dimension, labels)
        self._bias = layer.bias.astype(np.float64)  # (labels,)
        self._tokens_after = tokens_after

    def windows(self, windows: Windows) -> Windows:
        """Return the windows as the backbone must get them, so that it gives the vectors that the layer reads."""
        return windows if self._tokens_after is None else mark_tokens(windows)

    def __call__(self, outputs: Outputs) -> Outputs:
        """Return the logits of each window from the outputs of the backbone."""
        if self._tokens_after is not None:
            return [self.of_tokens(each) for each in outputs]
        return list(self.of_stacked(stack_vectors(outputs))) if len(outputs) else []

    def of_stacked(self, vectors: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the logits `(n, labels)` of vectors `(n, dimension)`."""
        return (vectors @ self._weight + self._bias).astype(np.float32)

    def of_tokens(self, output: Floats) -> NDArray[np.float32]:
        """Return the logits `(tokens, labels)` of a window from the output of the backbone for it."""
        assert self._tokens_after is not None
        vectors = token_vectors(output, after=self._tokens_after, dimension=len(self._weight))
        return self.of_stacked(vectors.astype(np.float64))


def mark_tokens(windows: Windows) -> Windows:
    """Return windows for which the backbone also gives the vectors of their tokens."""
    return [TokenWindow(window) for window in windows]


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
        vectors = self._backbone.submit(self._logits.windows(windows), lane=lane, deadline=deadline)
        follow(together, vectors, self._logits)
        return together

"""Vectors of windows from an encoder as it stands, and a logistic head on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.torch_session import TorchSession
from glossator.service.bundle.task import TextEmbedding
from glossator.service.inference.batch_planning import UNMEASURED, plan
from glossator.training.algorithms.algorithm import Run
from glossator.training.algorithms.linear import Linear, fit_linear
from glossator.training.base_model import open_model

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0)
_CHUNK = 16


def open_encoder(run: Run) -> tuple[Any, TextEmbedding]:
    """The encoder that a run begins with, without a head, and the task that it does as it comes."""
    task = TextEmbedding(
        dimension=run.base.hidden_size, encoding=run.task.encoding, provenance=run.task.provenance, normalized=True
    )
    return open_model(run.base, task), task


def window_vectors(run: Run, encoder: Any, task: TextEmbedding, windows: Sequence[list[int]]) -> NDArray[np.float32]:
    """The vector of each window, `(windows, dimension)`, of length 1; windows that are the same are computed once."""
    distinct = list({tuple(window): None for window in windows})
    place = {window: index for index, window in enumerate(distinct)}
    found = np.empty((len(distinct), task.dimension), dtype=np.float32)
    session = TorchSession(encoder, task)
    batches = plan([len(window) for window in distinct], UNMEASURED)
    with run.device.autocast():
        for chunk in run.in_chunks(batches, _CHUNK, texts_in=len):
            for batch in chunk:
                found[batch] = np.stack(session.run([list(distinct[index]) for index in batch]))
    return found[[place[tuple(window)] for window in windows]]


def fit_head(run: Run, vectors: NDArray[np.float32], strength: float) -> Linear:
    """Logistic regression on the vectors of the examples."""
    from sklearn.linear_model import LogisticRegression

    return fit_linear(
        vectors,
        run.targets(),
        run.weights(),
        run.task,
        lambda: LogisticRegression(C=strength, max_iter=1000, random_state=run.config.seed),
    )


def put_head(model: Any, head: Linear) -> None:
    """Puts the head into a model whose last layer is `classifier`."""
    import torch

    with torch.no_grad():
        model.classifier.weight.copy_(torch.from_numpy(head.weights.T))
        model.classifier.bias.copy_(torch.from_numpy(head.bias))

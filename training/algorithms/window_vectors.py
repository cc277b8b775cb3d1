"""Vectors of windows by the encoder of the base model, and logistic heads on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.torch_session import TorchSession
from glossator.service.bundle.task import TextEmbedding
from glossator.service.inference.queue.batch_planning import UNMEASURED, plan
from glossator.training.algorithms.algorithm import TrainingContext
from glossator.training.algorithms.linear import LinearHead, fit_linear_head
from glossator.training.base_model import open_model

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0)
_CHUNK_BATCHES = 16


def open_encoder(context: TrainingContext) -> tuple[Any, TextEmbedding]:
    """The encoder of the base model without a head, and the embedding task that it performs without training."""
    task = TextEmbedding(
        pooling=context.base.pooling,
        dimension=context.base.dimension,
        encoding=context.task.encoding,
        provenance=context.task.provenance,
        normalized=True,
    )
    return open_model(context.base, task), task


def make_pooled_model(context: TrainingContext, encoder: Any) -> Any:
    """A model with a new linear head, `classifier`, on the pooled token vectors of the encoder."""
    from glossator.modeling.architectures.pooled import PooledConfig, PooledModel

    pooling = context.base.pooling
    return PooledModel(PooledConfig(encoder=encoder.config, pooling=pooling, **context.model_settings()), encoder)


def embed_windows(
    context: TrainingContext, encoder: Any, task: TextEmbedding, windows: Sequence[list[int]]
) -> NDArray[np.float32]:
    """The vector of each window, `(windows, dimension)`, of length 1. Equal windows are computed once."""
    distinct = list({tuple(window): None for window in windows})
    place = {window: index for index, window in enumerate(distinct)}
    found = np.empty((len(distinct), task.dimension), dtype=np.float32)
    session = TorchSession(encoder, task)
    batches = plan([len(window) for window in distinct], UNMEASURED)
    with context.device.autocast():
        for chunk in context.in_chunks(batches, _CHUNK_BATCHES, texts_in=len):
            for batch in chunk:
                found[batch] = np.stack(session.run([list(distinct[index]) for index in batch]))
    return found[[place[tuple(window)] for window in windows]]


def fit_head(context: TrainingContext, vectors: NDArray[np.float32], strength: float) -> LinearHead:
    """Logistic regression on the vectors of the training examples; `strength` is C, the inverse of regularisation."""
    from sklearn.linear_model import LogisticRegression

    return fit_linear_head(
        vectors,
        context.targets(),
        context.weights(),
        context.task,
        lambda: LogisticRegression(C=strength, max_iter=1000, random_state=context.config.seed),
    )


def set_head(model: Any, head: LinearHead) -> None:
    """Copy the head into a model whose last layer is `classifier`."""
    import torch

    with torch.no_grad():
        model.classifier.weight.copy_(torch.from_numpy(head.weights.T))
        model.classifier.bias.copy_(torch.from_numpy(head.bias))

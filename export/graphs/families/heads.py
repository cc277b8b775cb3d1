"""Reads the head of a model: the parts after the encoder, which depend on the task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from glossator.export.graphs.encoder_weights import (
    ClassificationHead,
    Head,
    PoolingHead,
    TokenHead,
    Transform,
    Truncation,
    UnitLength,
    VectorLayer,
    VectorStep,
)
from glossator.export.graphs.families.torch_modules import read_linear, read_norm
from glossator.service.bundle.task import Task, TextEmbedding


def read_head(model: Any, task: Task, classifier: Callable[[], ClassificationHead]) -> Head:
    """Return the head of a task; `classifier` reads the head of a classifier."""
    if task.task == "token-classification":
        return TokenHead(read_linear(model.classifier))
    if task.task == "question-answering":
        return TokenHead(read_linear(model.qa_outputs), start_and_end=True)
    if task.task == "text-embedding":
        return pooling_head(task)
    return classifier()


def pooling_head(task: TextEmbedding) -> PoolingHead:
    """Return the head of a task that makes vectors."""
    poolings = (task.pooling,) if isinstance(task.pooling, str) else tuple(task.pooling)
    return PoolingHead(poolings, (UnitLength(),) if task.normalized else ())


def read_vector_steps(model: Any) -> tuple[VectorStep, ...]:
    """Return the layers on the vector of a text of a `TextVectorModel`."""
    return tuple(_read_step(layer, step) for layer, step in zip(model.steps, model.config.steps, strict=True))


def _read_step(layer: Any, step: dict[str, Any]) -> VectorStep:
    kind = step["kind"]
    if kind == "normalize":
        return UnitLength()
    if kind == "truncate":
        return Truncation(int(step["size"]))
    if kind == "layer-norm":
        return read_norm(layer.norm)
    residual = read_linear(layer.residual) if hasattr(layer.residual, "weight") else None
    return VectorLayer(read_linear(layer.linear), str(step["activation"]), layer.adds_input, residual)


def dense_head(model: Any, activation: str) -> ClassificationHead:
    """Return the classifier `out_proj(activation(dense(first token)))`."""
    transform = Transform(read_linear(model.classifier.dense), activation)
    return ClassificationHead(transform, read_linear(model.classifier.out_proj))

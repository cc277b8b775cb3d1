"""Writes the vector of a text: its poolings, and the layers after them. It runs once per text, in fp32."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.export.graphs.encoder_weights import (
    LayerNorm,
    PoolingHead,
    Truncation,
    UnitLength,
    VectorLayer,
    VectorStep,
)
from glossator.export.graphs.graph_builder import GraphBuilder

_MASKED = -1e9
"""Added to hidden states that are not pooled: they are never the largest."""


def add_vectors(builder: GraphBuilder, head: PoolingHead, states: Sequence[str]) -> str:
    """Add the vectors `(batch, dimension)` for the hidden states of each layer, `(seq, batch, size)`.

    If the head reads only the first token, the last layer holds no other.
    """
    if head.first_only:
        vectors = builder.node("Squeeze", [states[-1], builder.integers(0)])
    elif head.layers:
        parts = [_add_step(builder, UnitLength(), _add_poolings(builder, head, states[layer])) for layer in head.layers]
        vectors = _concat(builder, parts)
    else:
        vectors = _add_poolings(builder, head, states[-1])
    return add_steps(builder, head.steps, vectors)


def _add_poolings(builder: GraphBuilder, head: PoolingHead, hidden: str) -> str:
    return _concat(builder, [_pool(builder, name, head.skipped, hidden) for name in head.poolings])


def _concat(builder: GraphBuilder, vectors: Sequence[str]) -> str:
    return vectors[0] if len(vectors) == 1 else builder.node("Concat", vectors, axis=-1)


def add_steps(builder: GraphBuilder, steps: Sequence[VectorStep], vectors: str) -> str:
    """Add the layers after the pooling."""
    for step in steps:
        vectors = _add_step(builder, step, vectors)
    return vectors


def add_mean(builder: GraphBuilder, hidden: str) -> str:
    """Add the mean of the tokens that are not padding, `(batch, size)`."""
    return _pool(builder, "mean", 0, hidden)


def _pool(builder: GraphBuilder, pooling: str, skipped: int, hidden: str) -> str:
    """Add one of the poolings of `modeling.pooling.pool`, `(batch, size)`."""
    zero = builder.integers(0)
    if pooling == "cls":
        token = builder.node("Slice", [hidden, builder.integers(skipped), builder.integers(skipped + 1), zero])
        return builder.node("Squeeze", [token, zero])
    column = _column(builder, pooling, skipped)
    if pooling == "max":
        masked = builder.node("Mul", [builder.node("Sub", [builder.number(1.0), column]), builder.number(_MASKED)])
        return builder.node("ReduceMax", [builder.node("Add", [hidden, masked]), zero], keepdims=0)
    total = builder.node("ReduceSum", [builder.node("Mul", [hidden, column]), zero], keepdims=0)
    if pooling == "last":
        return total
    count = builder.node("ReduceSum", [column, zero], keepdims=0)
    count = builder.node("Max", [count, builder.number(1e-9)])
    return builder.node("Div", [total, builder.node("Sqrt", [count]) if pooling == "mean_sqrt_len" else count])


def _column(builder: GraphBuilder, pooling: str, skipped: int) -> str:
    """Add the weight of each token, `(seq, batch, 1)`."""
    mask = builder.node("Cast", [builder.node("Transpose", ["attention_mask"], perm=[1, 0])], to=1)  # (seq, batch)
    column = builder.node("Unsqueeze", [mask, builder.integers(2)])
    if pooling not in ("last", "weighted_mean") and not skipped:
        return column
    number = builder.node("CumSum", [mask, builder.integers(0)])  # 1, 2, ... for the tokens of a text
    number = builder.node("Unsqueeze", [number, builder.integers(2)])
    if pooling == "last":
        length = builder.node("ReduceMax", [number, builder.integers(0)])
        is_last = builder.node("Cast", [builder.node("Equal", [number, length])], to=1)
        return builder.node("Mul", [is_last, column])
    if skipped:
        kept = builder.node("Cast", [builder.node("Greater", [number, builder.number(float(skipped))])], to=1)
        column = builder.node("Mul", [column, kept])
    return builder.node("Mul", [column, number]) if pooling == "weighted_mean" else column


def _add_step(builder: GraphBuilder, step: VectorStep, vectors: str) -> str:
    if isinstance(step, LayerNorm):
        return builder.normalize(vectors, step)
    if isinstance(step, UnitLength):
        length = builder.node("ReduceL2", [vectors, builder.integers(1)], keepdims=1)
        return builder.node("Div", [vectors, builder.node("Max", [length, builder.number(1e-12)])])
    if isinstance(step, Truncation):
        return builder.node("Slice", [vectors, builder.integers(0), builder.integers(step.size), builder.integers(1)])
    return _add_layer(builder, step, vectors)


def _add_layer(builder: GraphBuilder, layer: VectorLayer, vectors: str) -> str:
    dense = builder.dense(vectors, layer.dense)
    if layer.activation in ("sigmoid", "silu"):
        sigmoid = builder.node("Sigmoid", [dense])
        dense = sigmoid if layer.activation == "sigmoid" else builder.node("Mul", [dense, sigmoid])
    elif layer.activation != "identity":
        dense = builder.activate(dense, layer.activation)
    if not layer.adds_input:
        return dense
    return builder.node("Add", [dense, vectors if layer.residual is None else builder.dense(vectors, layer.residual)])

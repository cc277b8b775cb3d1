"""Writes the head of a graph: from the hidden states of the tokens to the outputs of the task.

The head of a text runs once per text and stays in fp32: int8 would save little time and could change decisions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glossator.export.graphs.encoder_weights import ClassificationHead, Head, PoolingHead, TokenHead
from glossator.export.graphs.graph_builder import GraphBuilder
from glossator.export.graphs.vector_head import add_mean, add_vectors
from glossator.service.bundle.onnx_inspection import TOKEN_VECTORS

Outputs = dict[str, list[str | int]]
"""The axes of each output."""


def add_head(builder: GraphBuilder, head: Head, states: Sequence[str], size: int) -> Outputs:
    """Add the head for the hidden states of each layer, `(seq, batch, size)`; return its outputs with their axes.

    The first of `states` are the embeddings.
    """
    if isinstance(head, ClassificationHead):
        return _classify(builder, head, states[-1])
    if isinstance(head, PoolingHead):
        return _pool(builder, head, states, size)
    return _label_tokens(builder, head, states[-1])


def _classify(builder: GraphBuilder, head: ClassificationHead, hidden: str) -> Outputs:
    vectors = add_mean(builder, hidden) if head.mean else _first(builder, hidden)
    dense = builder.activate(builder.dense(vectors, head.transform.dense), head.transform.activation)
    if head.transform.norm is not None:
        dense = builder.normalize(dense, head.transform.norm)
    builder.dense(dense, head.output, output="logits")
    return {"logits": ["batch", head.output.width]}


def _pool(builder: GraphBuilder, head: PoolingHead, states: Sequence[str], size: int) -> Outputs:
    vectors = add_vectors(builder, head, states)
    if head.output is None:
        builder.node("Identity", [vectors], output="embedding")
        return {"embedding": ["batch", head.width(size)], **_token_vectors(builder, head, states, size)}
    builder.dense(vectors, head.output, output="logits")
    return {"logits": ["batch", head.output.width]}


def _token_vectors(builder: GraphBuilder, head: PoolingHead, states: Sequence[str], size: int) -> Outputs:
    """Add the hidden states of the layers that are pooled, side by side, if the head gives them."""
    if not head.token_vectors:
        return {}
    layers = [states[layer] for layer in head.layers] or [states[-1]]
    together = layers[0] if len(layers) == 1 else builder.node("Concat", layers, axis=-1)
    builder.node("Transpose", [together], output=TOKEN_VECTORS, perm=[1, 0, 2])
    return {TOKEN_VECTORS: ["batch", "sequence", head.token_width(size)]}


def _first(builder: GraphBuilder, hidden: str) -> str:
    """Add the first token, `(batch, size)`. If the head reads only this one, `hidden` holds no other."""
    return builder.node("Squeeze", [hidden, builder.integers(0)])


def _label_tokens(builder: GraphBuilder, head: TokenHead, hidden: str) -> Outputs:
    if head.transform is not None:
        hidden = builder.activate(builder.tokenwise(hidden, head.transform.dense), head.transform.activation)
        if head.transform.norm is not None:
            hidden = builder.normalize(hidden, head.transform.norm)
    scores = builder.tokenwise(hidden, head.output)  # (seq, batch, labels)
    if not head.start_and_end:
        builder.node("Transpose", [scores], output="logits", perm=[1, 0, 2])
        return {"logits": ["batch", "sequence", head.output.width]}
    names = ("start_logits", "end_logits")
    for index, name in enumerate(names):
        column = builder.node("Gather", [scores, builder.constant(np.array(index))], axis=2)  # (seq, batch)
        builder.node("Transpose", [column], output=name, perm=[1, 0])
    return {name: ["batch", "sequence"] for name in names}

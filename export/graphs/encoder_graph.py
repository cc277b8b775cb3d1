"""Writes an encoder as an ONNX graph made for CPUs, in fp32 or in int8 with fixed activation scales.

It computes the same as the graph that PyTorch exports, in fewer steps:

- If the head reads only the first token, the last layer's query, output and feed-forward network are computed for this
  token only.
- The scale of the attention scores is part of the query's weights; the first token type is part of the positions.
- Tokens are in the order (seq, batch), so that few transpositions remain (`attention`).
- In int8, a product adds its bias and both scales in the pass that writes its result (`graph_builder`).

Residual and normalisation stay two operators: the fused `SkipLayerNormalization` of ONNX Runtime made the whole graph
1.3 times as slow on the measured processors.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glossator.export.graphs.attention import Attention
from glossator.export.graphs.encoder_weights import Embeddings, EncoderWeights, Floats, Layer, LayerNorm
from glossator.export.graphs.graph_builder import GraphBuilder, ProductInput, Quantization
from glossator.export.graphs.head_graph import Outputs, add_head


def product_input_names(weights: EncoderWeights) -> list[str]:
    """Return the names of the tensors that products read, in the order of computation."""
    first = [] if weights.embeddings.projection is None else ["embeddings"]
    kinds = ("input", "context", "up", "down")
    return first + [f"layer.{index}.{kind}" for index in range(len(weights.layers)) for kind in kinds]


def write_graph(weights: EncoderWeights, destination: Path, *, quantization: Quantization | None = None) -> None:
    """Write the graph to `destination`, with its weights inside.

    Inputs: `input_ids`, `attention_mask` and, if the weights have token types, `token_type_ids`; int64 `(batch, seq)`,
    both axes dynamic. Outputs: those of the head.

    Args:
        weights: The weights of the encoder.
        destination: The file to write.
        quantization: Makes an int8 graph; without it the graph is in fp32.
    """
    builder = GraphBuilder(quantization)
    builder.save(destination, _input_names(weights), _add_encoder(builder, weights))


def write_activation_graph(weights: EncoderWeights, destination: Path) -> dict[str, ProductInput]:
    """Write the fp32 graph with the tensors that products read as further outputs.

    Returns the output and the weights of the products for each name of `product_input_names`.
    """
    builder = GraphBuilder()
    outputs = _add_encoder(builder, weights)
    tensors = list(dict.fromkeys(each.tensor for each in builder.product_inputs.values()))
    builder.save(destination, _input_names(weights), outputs, tensors)
    return builder.product_inputs


def _input_names(weights: EncoderWeights) -> list[str]:
    return ["input_ids", "attention_mask", *([] if weights.embeddings.types is None else ["token_type_ids"])]


def _add_encoder(builder: GraphBuilder, weights: EncoderWeights) -> Outputs:
    """Add the graph, from the token ids to the head; return its outputs with their axes."""
    hidden = _embed(builder, weights.embeddings)
    states = [hidden]
    attention = Attention(builder, weights)
    last = len(weights.layers) - 1
    for index in range(len(weights.layers)):
        hidden = _add_layer(
            builder, weights, attention, index, hidden, first_only=index == last and weights.reads_first_only
        )
        states.append(hidden)
    if weights.final_norm is not None:
        states[-1] = builder.normalize(hidden, weights.final_norm)
    return add_head(builder, weights.head, states, weights.layers[-1].down.width)


def _embed(builder: GraphBuilder, embeddings: Embeddings) -> str:
    """Add the embeddings of the tokens, `(seq, batch, hidden)`."""
    ids = builder.node("Transpose", ["input_ids"], perm=[1, 0])  # (seq, batch)
    words = builder.look_up(embeddings.words, ids)
    summed = words
    if embeddings.positions is not None:
        summed = builder.node(
            "Add", [words, _embed_positions(builder, embeddings.positions, embeddings.padding_id, ids)]
        )
    if embeddings.types is not None:
        types = builder.node("Transpose", ["token_type_ids"], perm=[1, 0])  # (seq, batch)
        summed = builder.node("Add", [summed, builder.node("Gather", [builder.constant(embeddings.types), types])])
    hidden = builder.normalize(summed, embeddings.norm)
    if embeddings.projection is None:
        return hidden
    return builder.product("embeddings", hidden, embeddings.projection)


def _embed_positions(builder: GraphBuilder, positions: Floats, padding_id: int | None, ids: str) -> str:
    """Add the embeddings of the positions, `(seq, batch or 1, hidden)`."""
    table = builder.constant(positions)
    if padding_id is None:
        length = builder.node("Shape", [ids], start=0, end=1)
        zero, one = builder.integers(0), builder.integers(1)
        return builder.node("Unsqueeze", [builder.node("Slice", [table, zero, length, zero]), one])
    padding = builder.constant(np.array(padding_id))
    real = builder.node("Cast", [builder.node("Not", [builder.node("Equal", [ids, padding])])], to=7)
    counted = builder.node("CumSum", [real, builder.constant(np.array(0))])
    numbers = builder.node("Add", [builder.node("Mul", [counted, real]), padding])
    return builder.node("Gather", [table, numbers])


def _add_layer(
    builder: GraphBuilder, weights: EncoderWeights, attention: Attention, index: int, hidden: str, *, first_only: bool
) -> str:
    """Add one layer: `(seq, batch, hidden)` to the same shape, or to `(1, batch, hidden)` with `first_only`."""
    layer, name, pre_norm = weights.layers[index], f"layer.{index}", weights.pre_norm
    known = _normalize(builder, hidden, layer.attention_norm) if pre_norm else hidden
    residual = builder.first(hidden) if first_only else hidden
    asking = residual if known == hidden else builder.first(known) if first_only else known
    context = attention.add(name, layer, known, asking, first_only=first_only)
    attended = builder.node("Add", [builder.product(f"{name}.context", context, layer.output), residual])
    if not pre_norm:
        attended = _normalize(builder, attended, layer.attention_norm)
    wide = _normalize(builder, attended, layer.feed_forward_norm) if pre_norm else attended
    added = _feed_forward(builder, name, layer, wide, weights.activation)
    summed = builder.node("Add", [added, attended])
    return summed if pre_norm else _normalize(builder, summed, layer.feed_forward_norm)


def _feed_forward(builder: GraphBuilder, name: str, layer: Layer, hidden: str, activation: str) -> str:
    wide = builder.activate(builder.product(f"{name}.up", hidden, layer.up), activation)
    if layer.gate is not None:
        wide = builder.node("Mul", [wide, builder.product(f"{name}.up", hidden, layer.gate)])
    return builder.product(f"{name}.down", wide, layer.down)


def _normalize(builder: GraphBuilder, tensor: str, norm: LayerNorm | None) -> str:
    return tensor if norm is None else builder.normalize(tensor, norm)

"""Writes self-attention: the bias of its scores, and the mixing of the tokens of each text.

Heads and texts differ by a step in memory, which the matrix product of ONNX Runtime reads directly: three of four
transpositions per layer disappear. Families with rotary positions read long texts, see `long_attention`.
"""

from __future__ import annotations

import numpy as np

from glossator.export.graphs.disentangled_attention import DisentangledAttention
from glossator.export.graphs.encoder_weights import EncoderWeights, Layer, Rotary
from glossator.export.graphs.graph_builder import GraphBuilder
from glossator.export.graphs.long_attention import MASKED, LongAttention
from glossator.export.graphs.rotary_positions import RotaryPositions, score_factor


class Attention:
    """Adds the attention of the layers of one encoder."""

    def __init__(self, builder: GraphBuilder, weights: EncoderWeights) -> None:
        self._builder = builder
        self._weights = weights
        self._bias = self._add_bias()
        rows = weights.distance_rows
        self._disentangled = None if rows is None else DisentangledAttention(builder, rows, weights.heads)
        if any(layer.rotary is not None for layer in weights.layers):
            self._long = LongAttention(builder, weights.heads, self._bias)
            self._rotary = RotaryPositions(builder, weights.heads)

    def add(self, name: str, layer: Layer, hidden: str, query_input: str, *, first_only: bool) -> str:
        """Add the context of each token of `query_input`: `(seq or 1, batch, hidden)`.

        `hidden`, `(seq, batch, hidden)`, is where keys and values come from. `first_only`: `query_input` has only the
        first token.
        """
        if layer.rotary is not None:
            return self._add_rotary(name, layer, layer.rotary, hidden, query_input, first_only=first_only)
        builder, heads = self._builder, self._weights.heads
        size = layer.query.width // heads
        bias = self._bias
        if first_only and self._weights.relative_bias is not None:
            bias = builder.first(bias, axis=2)
        keys = builder.product(f"{name}.input", hidden, layer.key)
        # The scale of the scores is part of the query's weights.
        query = self._split_heads(builder.product(f"{name}.input", query_input, layer.query.scaled(size**-0.5)), size)
        key = self._split_heads(keys, size, order=(1, 2, 3, 0))
        value = self._split_heads(builder.product(f"{name}.input", hidden, layer.value), size)
        scores = builder.node("Add", [builder.node("MatMul", [query, key]), bias])  # (batch, heads, seq, seq)
        if self._disentangled is not None and layer.position_tables is not None:
            find = self._disentangled.first_scores if first_only else self._disentangled.scores
            for each in find(layer.position_tables, query, self._split_heads(keys, size)):
                scores = builder.node("Add", [scores, each])
        shares = builder.node("Softmax", [scores], axis=-1)
        mixed = builder.node("Transpose", [builder.node("MatMul", [shares, value])], perm=[2, 0, 1, 3])
        return builder.node("Reshape", [mixed, builder.integers(0, 0, heads * size)])

    def _add_rotary(
        self, name: str, layer: Layer, rotary: Rotary, hidden: str, query_input: str, *, first_only: bool
    ) -> str:
        builder, long = self._builder, self._long
        size = layer.query.width // self._weights.heads
        scaled = layer.query.scaled(size**-0.5 * score_factor(rotary))
        key = self._rotary.rotate(builder.product(f"{name}.input", hidden, layer.key), rotary)
        query = builder.product(f"{name}.input", query_input, scaled)
        value = builder.product(f"{name}.input", hidden, layer.value)
        if first_only:  # the first position rotates nothing
            return long.add_first(query, key, value, size, layer.reach)
        query = self._rotary.rotate(query, rotary)
        if layer.reach is None:
            return long.add_global(query, key, value, size)
        return long.add_local(query, key, value, size, layer.reach)

    def _add_bias(self) -> str:
        """Add the bias of the attention scores, `(batch, heads or 1, seq or 1, seq)`.

        It masks padding and, if the family has relative positions, adds a bias for each distance.
        """
        builder = self._builder
        mask = builder.node("Cast", ["attention_mask"], to=1)
        masked = builder.node("Mul", [builder.node("Sub", [builder.number(1.0), mask]), builder.number(MASKED)])
        masked = builder.node("Unsqueeze", [masked, builder.integers(1, 2)])
        table = self._weights.relative_bias
        if table is None:
            return masked
        length = builder.node("Squeeze", [builder.node("Shape", ["input_ids"], start=1, end=2)])
        zero, one = builder.constant(np.array(0)), builder.constant(np.array(1))
        places = builder.node("Range", [zero, length, one])
        across = builder.node("Unsqueeze", [places, builder.integers(0)])
        down = builder.node("Unsqueeze", [places, builder.integers(1)])
        middle = builder.constant(np.array(table.shape[1] // 2))
        distance = builder.node("Add", [builder.node("Sub", [across, down]), middle])
        by_distance = builder.node("Gather", [builder.constant(table), distance], axis=1)
        return builder.node("Add", [by_distance, masked])

    def _split_heads(self, tensor: str, size: int, order: tuple[int, ...] = (1, 2, 0, 3)) -> str:
        """Split `(seq, batch, hidden)` into `(batch, heads, seq, size)`, or another order of these axes."""
        shape = self._builder.integers(0, 0, self._weights.heads, size)
        return self._builder.node("Transpose", [self._builder.node("Reshape", [tensor, shape])], perm=list(order))

"""Rotary positions (Su et al. 2021): the two halves of a head's values, as pairs, are rotated by the token's position.

In int8 graphs, one operator of ONNX Runtime rotates in one pass; fp32 graphs have standard operators only.
"""

from __future__ import annotations

import numpy as np

from glossator.export.graphs.encoder_weights import Floats, Rotary
from glossator.export.graphs.graph_builder import GraphBuilder


class RotaryPositions:
    """Adds the rotation of queries and keys, `(seq, batch, heads * size)`.

    `Rotary.scale` is not part of it: see `score_factor`.
    """

    def __init__(self, builder: GraphBuilder, heads: int) -> None:
        self._builder = builder
        self._heads = heads
        self._length = builder.node("Shape", ["input_ids"], start=1, end=2)
        self._batch = builder.node("Shape", ["input_ids"], start=0, end=1)
        self._tables: dict[bytes, tuple[str, str]] = {}
        if builder.int8:
            shape = builder.node("Concat", [self._length, self._batch], axis=0)
            down = builder.node("Unsqueeze", [self._numbers(self._length), builder.integers(1)])
            self._positions = builder.node("Expand", [down, shape])  # (seq, batch)

    def rotate(self, tensor: str, rotary: Rotary) -> str:
        """Add the rotated tensor."""
        key = rotary.frequencies.tobytes()
        if key not in self._tables:
            self._tables[key] = self._tables_of(rotary.frequencies)
        cosine, sine = self._tables[key]
        builder = self._builder
        if builder.int8:
            return builder.node("RotaryEmbedding", [tensor, self._positions, cosine, sine], domain="com.microsoft")
        size = 2 * len(rotary.frequencies)
        split = builder.node("Reshape", [tensor, builder.integers(0, 0, self._heads, size)])
        halves = [self._slice(split, start, start + size // 2) for start in (size // 2, 0)]
        swapped = builder.node("Concat", halves, axis=3)
        rotated = builder.node("Add", [builder.node("Mul", [split, cosine]), builder.node("Mul", [swapped, sine])])
        return builder.node("Reshape", [rotated, builder.integers(0, 0, self._heads * size)])

    def _tables_of(self, frequencies: Floats) -> tuple[str, str]:
        """Add cosine and sine of each position.

        In int8 `(positions, size / 2)`; the operator reads no more rows than there are tokens, but demands one for each
        text of the batch. In fp32 `(seq, 1, 1, size)`; the sine has the sign that its half needs.
        """
        builder = self._builder
        count = builder.node("Max", [self._length, self._batch]) if builder.int8 else self._length
        places = builder.node("Cast", [self._numbers(count)], to=1)
        angles = builder.node(
            "Mul", [builder.node("Unsqueeze", [places, builder.integers(1)]), builder.constant(frequencies)]
        )
        cosine, sine = builder.node("Cos", [angles]), builder.node("Sin", [angles])
        if builder.int8:
            return cosine, sine
        axes = builder.integers(1, 2)
        both = [
            builder.node("Concat", [cosine, cosine], axis=1),
            builder.node("Concat", [builder.node("Neg", [sine]), sine], axis=1),
        ]
        first, second = (builder.node("Unsqueeze", [table, axes]) for table in both)
        return first, second

    def _numbers(self, count: str) -> str:
        zero, one = (self._builder.constant(np.array(value)) for value in (0, 1))
        return self._builder.node("Range", [zero, self._builder.node("Squeeze", [count]), one])

    def _slice(self, tensor: str, start: int, stop: int) -> str:
        builder = self._builder
        return builder.node("Slice", [tensor, builder.integers(start), builder.integers(stop), builder.integers(3)])


def score_factor(rotary: Rotary) -> float:
    """Return the factor of the attention scores that `Rotary.scale` makes: queries and keys both have it."""
    return rotary.scale**2

"""Writes the position scores of disentangled attention (He et al. 2021, DeBERTa).

The score of a query `i` and a key `j` has two parts for their distance, besides the usual product:

    query_i @ keys[row(i - j)] + key_j @ queries[row(i - j)]

`keys` and `queries` are the projected embeddings of the distances, constants of each layer. Far distances share a row:
a text reads a range of rows around the one of distance 0, which grows with its length. Each token is multiplied with
these rows, `(seq, width)`, and one pass picks the score of each pair of tokens. The places to pick from depend only on
the shape of the batch, so that all layers share them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glossator.export.graphs.encoder_weights import PositionTables
from glossator.export.graphs.graph_builder import GraphBuilder

_ALIGNMENT = 16
"""Rows are read in multiples of twice this number, for which matrix products are fastest."""


class DisentangledAttention:
    """Adds the position scores of the layers of one encoder.

    Args:
        builder: The graph.
        distance_rows: See `EncoderWeights`.
        heads: The number of heads.
    """

    def __init__(self, builder: GraphBuilder, distance_rows: NDArray[np.int64], heads: int) -> None:
        self._builder = builder
        longest = len(distance_rows) // 2
        length = builder.node("Shape", ["input_ids"], start=1, end=2)  # (1,)
        half = builder.node(
            "Gather",
            [builder.constant(_half_widths(distance_rows)), builder.node("Min", [length, builder.integers(longest)])],
        )
        middle = builder.integers(int(distance_rows[longest]))
        start, stop = builder.node("Sub", [middle, half]), builder.node("Add", [middle, half])
        one = builder.constant(np.array(1))
        self._rows = builder.node("Range", [builder.node("Squeeze", [start]), builder.node("Squeeze", [stop]), one])
        rows = self._rows_of_pairs(distance_rows, length)  # (seq, seq)
        self._rows_of_first = builder.node("Squeeze", [builder.first(rows), builder.integers(0)])  # (seq,)

        columns = builder.node("Sub", [rows, start])
        width = builder.node("Sub", [stop, start])
        heads_and_pairs = builder.node(
            "Concat", [builder.integers(heads), builder.node("Mul", [length, length])], axis=0
        )
        batch = builder.node("Shape", ["input_ids"], start=0, end=1)
        shape = builder.node("Concat", [batch, heads_and_pairs], axis=0)
        self._from_queries = self._places(columns, width, length, axis=1, shape=shape)
        self._from_keys = self._places(columns, width, length, axis=0, shape=shape)
        self._pairs = builder.node("Concat", [builder.integers(0, 0), length, length], axis=0)

    def scores(self, tables: PositionTables, query: str, key: str) -> list[str]:
        """Add the scores `(batch, heads, seq, seq)` of `query` and `key`, both `(batch, heads, seq, size)`."""
        found = []
        if tables.keys is not None:
            found.append(self._pick(self._multiply(query, tables.keys), self._from_queries))
        if tables.queries is not None:
            found.append(self._pick(self._multiply(key, tables.queries), self._from_keys))
        return found

    def first_scores(self, tables: PositionTables, query: str, key: str) -> list[str]:
        """Add the scores `(batch, heads, 1, seq)` of the first token's `query`, `(batch, heads, 1, size)`."""
        builder = self._builder
        found = []
        if tables.keys is not None:
            rows = builder.look_up_heads(tables.keys, self._rows_of_first)  # (heads, seq, size)
            found.append(builder.node("MatMul", [query, builder.node("Transpose", [rows], perm=[0, 2, 1])]))
        if tables.queries is not None:
            rows = builder.look_up_heads(tables.queries, self._rows_of_first)
            products = builder.node("ReduceSum", [builder.node("Mul", [key, rows]), builder.integers(-1)], keepdims=0)
            found.append(builder.node("Unsqueeze", [products, builder.integers(2)]))
        return found

    def _rows_of_pairs(self, distance_rows: NDArray[np.int64], length: str) -> str:
        """Add the row of the distance of each query and key, `(seq, seq)`."""
        builder = self._builder
        longest = len(distance_rows) // 2
        places = builder.node("Range", [_scalar(builder, 0), builder.node("Squeeze", [length]), _scalar(builder, 1)])
        down = builder.node("Unsqueeze", [places, builder.integers(1)])
        across = builder.node("Unsqueeze", [places, builder.integers(0)])
        distance = builder.node("Sub", [down, across])
        near = builder.node("Clip", [distance, _scalar(builder, -longest), _scalar(builder, longest)])
        return builder.node(
            "Gather", [builder.constant(distance_rows), builder.node("Add", [near, builder.integers(longest)])]
        )

    def _places(self, columns: str, width: str, length: str, *, axis: int, shape: str) -> str:
        """Add where the score of each pair lies among the flat products of all tokens, `(batch, heads, pairs)`.

        `axis` of the pair's other token: 1 for products of queries, 0 for products of keys.
        """
        builder = self._builder
        tokens = builder.node("Range", [_scalar(builder, 0), builder.node("Squeeze", [length]), _scalar(builder, 1)])
        starts = builder.node("Unsqueeze", [builder.node("Mul", [tokens, width]), builder.integers(axis)])
        flat = builder.node("Reshape", [builder.node("Add", [columns, starts]), builder.integers(1, 1, -1)])
        return builder.node("Expand", [builder.node("Cast", [flat], to=6), shape])  # int32: half the memory

    def _multiply(self, tokens: str, table: NDArray[np.float32]) -> str:
        """Add the products of all tokens with the rows that the text reads, `(batch, heads, seq, width)`."""
        rows = self._builder.look_up_heads(table, self._rows)  # (heads, width, size)
        return self._builder.node("MatMul", [tokens, self._builder.node("Transpose", [rows], perm=[0, 2, 1])])

    def _pick(self, products: str, places: str) -> str:
        """Add the score of each pair."""
        builder = self._builder
        flat = builder.node("Reshape", [products, builder.integers(0, 0, -1)])
        return builder.node("Reshape", [builder.node("GatherElements", [flat, places], axis=2), self._pairs])


def _half_widths(distance_rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many rows a text of each length, from 0 on, reads on each side of the row of distance 0."""
    longest = len(distance_rows) // 2
    middle = distance_rows[longest]
    needed = distance_rows[longest:] - middle + 1
    return np.asarray(np.minimum(-(-needed // _ALIGNMENT) * _ALIGNMENT, middle), dtype=np.int64)


def _scalar(builder: GraphBuilder, value: int) -> str:
    return builder.constant(np.array(value))

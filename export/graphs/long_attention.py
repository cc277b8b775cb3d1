"""Attention for long texts: its memory grows with the number of tokens, not with its square.

Local attention, in which a token sees `reach` tokens on each side, is computed in blocks: the queries of a block see
its own tokens and `reach` tokens before and after it, so time and memory are linear. Global attention is computed for
`CHUNK` queries at a time. Both have a form for short texts, with one matrix of all scores, which takes less time there;
the graph chooses by the length of its input.

Queries, keys and values are `(seq, batch, heads * size)`; the scale of the scores is part of the queries.

A mask that hides many tokens makes the softmax of ONNX Runtime several times as slow: the exponential of a hidden score
is a subnormal number, which processors compute slowly. So local attention raises hidden scores to `FLOOR` below the
score of the token with itself. Their weights are then 4e-18 at most, and still vanish in fp32.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from glossator.export.graphs.graph_builder import GraphBuilder

MASKED = -3e4
"""Added to the attention scores of tokens that are not seen: the exponential of the sum is 0 in fp32."""
SHORT_GLOBAL = 1_024
"""Texts of up to this number of tokens have one matrix of scores in global attention."""
SHORT_BLOCKS = 4
"""The same for local attention, as a multiple of the block."""
CHUNK = 256
"""Number of queries of global attention that are computed at a time, in longer texts."""
FLOOR = 40.0
"""How far the scores of hidden tokens are below that of the token with itself, in local attention."""
_MIN_BLOCK = 32


class _Local(NamedTuple):
    """What the layers of one reach share."""

    whole: str
    """Whether the text is so short that every token sees all tokens."""
    short: str
    """Whether the text is short, and has one matrix of scores."""
    bias: str
    """The bias of the scores: `(batch, 1, seq, seq)` for short texts, else `(blocks, batch, 1, block, width)`.

    Not used if `whole`.
    """
    queries: str
    """The tokens whose queries a block has, `(blocks, block)`."""
    keys: str
    """The tokens that a block sees, `(blocks, width)`. Numbers outside the text are clipped, and masked by the bias."""


class LongAttention:
    """Adds the context of each token, `(seq, batch, heads * size)`.

    `padding`: the bias that masks padding, `(batch, 1, 1, seq)`.
    """

    def __init__(self, builder: GraphBuilder, heads: int, padding: str) -> None:
        self._builder = builder
        self._heads = heads
        self._padding = padding
        self._length = builder.node("Shape", ["input_ids"], start=1, end=2)
        self._last = builder.node("Sub", [self._length, builder.integers(1)])
        self._batch = builder.node("Shape", ["input_ids"], start=0, end=1)
        self._short = self._is_short(SHORT_GLOBAL)
        self._local: dict[int, _Local] = {}

    def add_global(self, query: str, key: str, value: str, size: int) -> str:
        """Add attention in which every token sees all tokens."""
        short = partial(self._mix, query, key, value, self._padding, size)
        return self._builder.choose(self._short, short, partial(self._mix_chunks, query, key, value, size))

    def add_local(self, query: str, key: str, value: str, size: int, reach: int) -> str:
        """Add attention in which every token sees the tokens at a distance of up to `reach`."""
        if reach not in self._local:
            self._local[reach] = self._prepare(reach, max(reach, _MIN_BLOCK))
        local = self._local[reach]
        builder, of_all = self._builder, partial(self._mix, query, key, value)

        def near() -> str:
            floor = builder.node("Transpose", [self._floor(query, key, size)], perm=[1, 2, 0, 3])
            return of_all(local.bias, size, floor)

        def longer() -> str:
            return builder.choose(local.short, near, partial(self._mix_blocks, query, key, value, size, local))

        return builder.choose(local.whole, partial(of_all, self._padding, size), longer)

    def add_first(self, query: str, key: str, value: str, size: int, reach: int | None) -> str:
        """Add the context of the first token, from its query `(1, batch, heads * size)`."""
        padding = self._padding
        if reach is not None:
            key, value = (self._up_to(tensor, reach + 1) for tensor in (key, value))
            padding = self._up_to(padding, reach + 1, axis=3)
        return self._mix(query, key, value, padding, size)

    def _mix(self, query: str, key: str, value: str, bias: str, size: int, floor: str | None = None) -> str:
        """Add the context with one matrix of scores, `(batch, heads, queries, keys)`."""
        keys, values = self._split(key, size, (1, 2, 3, 0)), self._split(value, size)
        return self._gather_heads(self._weigh(self._split(query, size), keys, values, bias, floor), size)

    def _weigh(self, query: str, key: str, value: str, bias: str, floor: str | None = None) -> str:
        """Add the context, `(..., queries, size)`; values are `(..., tokens, size)`, keys `(..., size, tokens)`."""
        builder = self._builder
        scores = builder.node("Add", [builder.node("MatMul", [query, key]), bias])
        if floor is not None:
            scores = builder.node("Max", [scores, floor])
        return builder.node("MatMul", [builder.node("Softmax", [scores], axis=-1), value])

    def _gather_heads(self, mixed: str, size: int) -> str:
        """Change `(batch, heads, queries, size)` to `(queries, batch, heads * size)`."""
        builder = self._builder
        joined = builder.integers(0, 0, self._heads * size)
        return builder.node("Reshape", [builder.node("Transpose", [mixed], perm=[2, 0, 1, 3]), joined])

    def _mix_chunks(self, query: str, key: str, value: str, size: int) -> str:
        builder = self._builder
        chunks = builder.node("Gather", [query, self._clip(self._blocks(CHUNK))])  # (chunks, CHUNK, batch, hidden)
        keys, values = self._split(key, size, (1, 2, 3, 0)), self._split(value, size)
        mixed = builder.scan(
            chunks,
            lambda chunk: self._gather_heads(self._weigh(self._split(chunk, size), keys, values, self._padding), size),
        )
        return self._join(mixed, size)

    def _mix_blocks(self, query: str, key: str, value: str, size: int, local: _Local) -> str:
        builder = self._builder
        shape = builder.integers(0, 0, 0, self._heads, size)

        def split(tensor: str, tokens: str, order: tuple[int, ...]) -> str:
            taken = builder.node("Reshape", [builder.node("Gather", [tensor, tokens]), shape])
            return builder.node("Transpose", [taken], perm=list(order))

        queries = split(query, local.queries, (0, 2, 3, 1, 4))  # (blocks, batch, heads, block, size)
        keys = split(key, local.keys, (0, 2, 3, 4, 1))  # (blocks, batch, heads, size, width)
        values = split(value, local.keys, (0, 2, 3, 1, 4))  # (blocks, batch, heads, width, size)
        floor = builder.node("Gather", [self._floor(query, key, size), local.queries])
        floor = builder.node("Transpose", [floor], perm=[0, 2, 3, 1, 4])  # (blocks, batch, heads, block, 1)
        mixed = self._weigh(queries, keys, values, local.bias, floor)
        return self._join(builder.node("Transpose", [mixed], perm=[0, 3, 1, 2, 4]), size)

    def _floor(self, query: str, key: str, size: int) -> str:
        """Add the smallest score of each query and head, `(seq, batch, heads, 1)`."""
        builder = self._builder
        shape = builder.integers(0, 0, self._heads, size)
        products = builder.node("Reshape", [builder.node("Mul", [query, key]), shape])
        own = builder.node("ReduceSum", [products, builder.integers(3)], keepdims=1)
        return builder.node("Sub", [own, builder.number(FLOOR)])

    def _join(self, mixed: str, size: int) -> str:
        """Add the tokens of blocks in one axis, without those after the end of the text."""
        builder = self._builder
        shape = builder.node(
            "Concat", [builder.integers(-1), self._batch, builder.integers(self._heads * size)], axis=0
        )
        return builder.node("Slice", [builder.node("Reshape", [mixed, shape]), *self._whole])

    def _prepare(self, reach: int, block: int) -> _Local:
        builder = self._builder
        whole, short = self._is_short(reach + 1), self._is_short(SHORT_BLOCKS * block)
        numbers = self._blocks(block)
        first = builder.node("Slice", [numbers, builder.integers(0), builder.integers(1), builder.integers(1)])
        keys = builder.node("Add", [first, builder.constant(np.arange(-reach, block + reach))])
        bias = builder.choose(short, partial(self._short_bias, reach), partial(self._block_bias, numbers, keys, reach))
        return _Local(whole, short, bias, self._clip(numbers), self._clip(keys))

    def _short_bias(self, reach: int) -> str:
        numbers = self._numbers(self._length)
        return self._builder.node("Add", [self._mask_distant(numbers, numbers, reach), self._padding])

    def _block_bias(self, queries: str, keys: str, reach: int) -> str:
        builder = self._builder
        distant = self._mask_distant(queries, keys, reach)  # (blocks, block, width)
        outside = self._mask(builder.node("Not", [builder.node("Equal", [keys, self._clip(keys)])]))  # (blocks, width)
        by_token = builder.node("Transpose", [self._padding], perm=[3, 0, 1, 2])  # (seq, batch, 1, 1)
        padding = builder.node("Gather", [by_token, self._clip(keys)])  # (blocks, width, batch, 1, 1)
        padding = builder.node("Transpose", [padding], perm=[0, 2, 3, 4, 1])  # (blocks, batch, 1, 1, width)
        distant = builder.node("Unsqueeze", [distant, builder.integers(1, 2)])
        outside = builder.node("Unsqueeze", [outside, builder.integers(1, 2, 3)])
        return builder.node("Add", [builder.node("Add", [distant, outside]), padding])

    def _mask_distant(self, queries: str, keys: str, reach: int) -> str:
        """Add the bias that masks keys by their distance: `(..., queries, keys)`."""
        builder = self._builder
        down = builder.node("Unsqueeze", [queries, builder.integers(-1)])
        across = builder.node("Unsqueeze", [keys, builder.integers(-2)])
        distance = builder.node("Abs", [builder.node("Sub", [down, across])])
        return self._mask(builder.node("Greater", [distance, builder.integers(reach)]))

    def _mask(self, hidden: str) -> str:
        masked, seen = self._builder.number(MASKED), self._builder.number(0.0)
        return self._builder.node("Where", [hidden, masked, seen])

    def _blocks(self, block: int) -> str:
        """Add the numbers of the tokens in blocks, `(blocks, block)`; the last block may pass the end of the text."""
        builder = self._builder
        count = builder.node("Add", [builder.node("Div", [self._last, builder.integers(block)]), builder.integers(1)])
        starts = builder.node("Mul", [self._numbers(count), builder.integers(block)])
        return builder.node(
            "Add", [builder.node("Unsqueeze", [starts, builder.integers(1)]), builder.constant(np.arange(block))]
        )

    def _numbers(self, count: str) -> str:
        """Add `0, 1, ...`, as many as `count` says."""
        zero, one = (self._builder.constant(np.array(value)) for value in (0, 1))
        return self._builder.node("Range", [zero, self._builder.node("Squeeze", [count]), one])

    def _clip(self, numbers: str) -> str:
        """Add `numbers`, moved into the text."""
        builder = self._builder
        return builder.node("Max", [builder.node("Min", [numbers, self._last]), builder.integers(0)])

    def _is_short(self, longest: int) -> str:
        short = self._builder.node("LessOrEqual", [self._length, self._builder.integers(longest)])
        return self._builder.node("Squeeze", [short])

    def _up_to(self, tensor: str, stop: int, axis: int = 0) -> str:
        builder = self._builder
        return builder.node("Slice", [tensor, builder.integers(0), builder.integers(stop), builder.integers(axis)])

    @property
    def _whole(self) -> tuple[str, str, str]:
        """The range of all tokens of the text, on the first axis."""
        return self._builder.integers(0), self._length, self._builder.integers(0)

    def _split(self, tensor: str, size: int, order: tuple[int, ...] = (1, 2, 0, 3)) -> str:
        return self._builder.split_heads(tensor, self._heads, size, order)

"""The weights of an encoder as plain arrays, and the switches in which families of encoders differ.

`families` reads them from a model of PyTorch; `encoder_graph` writes a graph for CPUs from them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Linear:
    """`x @ weight + bias`: weight `(in, out)`, bias `(out,)` or none."""

    weight: Floats
    bias: Floats | None = None

    @property
    def width(self) -> int:
        """The width of the result."""
        return int(self.weight.shape[1])

    def scaled(self, factor: float) -> Linear:
        """Return the weights with results that are `factor` times as large."""
        bias = None if self.bias is None else self.bias * np.float32(factor)
        return Linear(self.weight * np.float32(factor), bias)


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """Layer normalisation over the last axis."""

    weight: Floats
    bias: Floats | None
    epsilon: float


@dataclass(frozen=True, slots=True)
class Rotary:
    """Rotary positions (Su et al. 2021): pairs of a head's values are rotated by an angle that grows with the position.

    `frequencies`, `(size / 2,)`: the angle in radians that one position adds, for each pair. `scale`: cosine and sine
    are multiplied by it.
    """

    frequencies: Floats
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class PositionTables:
    """The projected embeddings of distances for keys and for queries, `(heads, rows, size)` each, or None.

    `disentangled_attention` says how they become part of the attention scores.
    """

    keys: Floats | None
    queries: Floats | None


@dataclass(frozen=True, slots=True)
class Layer:
    """Self-attention and feed-forward network; each is added to its input.

    The norm of each follows that sum, or comes before the products if `EncoderWeights.pre_norm` is set. With `gate`,
    the feed-forward network is `down(activation(up(x)) * gate(x))`, else `down(activation(up(x)))`.

    `rotary`: rotates queries and keys. `reach`: a token sees the tokens at this distance or nearer; None: all tokens.
    """

    query: Linear
    key: Linear
    value: Linear
    output: Linear
    attention_norm: LayerNorm | None
    up: Linear
    down: Linear
    feed_forward_norm: LayerNorm
    gate: Linear | None = None
    rotary: Rotary | None = None
    reach: int | None = None
    position_tables: PositionTables | None = None


@dataclass(frozen=True, slots=True)
class Embeddings:
    """`norm(words[ids] + positions[...])`, then `projection` if there is one.

    With `types`, the graph reads the type of each token and adds its vector; without, the vector of the first type is
    part of the other tables (`without_types`). With `padding_id`, positions count the tokens that are not padding,
    starting after that id (RoBERTa, MPNet); without, they count from 0. Without `positions`, only the layers know them.
    """

    words: Floats
    positions: Floats | None
    norm: LayerNorm
    padding_id: int | None = None
    projection: Linear | None = None
    types: Floats | None = None

    def without_types(self) -> Embeddings:
        """Return the embeddings of texts whose tokens all have the first type."""
        if self.types is None:
            return self
        if self.positions is None:
            return replace(self, words=self.words + self.types[0], types=None)
        return replace(self, positions=self.positions + self.types[0], types=None)


@dataclass(frozen=True, slots=True)
class Transform:
    """`norm(activation(dense(x)))`, or without the norm."""

    dense: Linear
    activation: str
    norm: LayerNorm | None = None


@dataclass(frozen=True, slots=True)
class ClassificationHead:
    """`output(transform(first token))`; with `mean`, of the mean of the tokens that are not padding."""

    transform: Transform
    output: Linear
    mean: bool = False


@dataclass(frozen=True, slots=True)
class TokenHead:
    """`output(token)` or `output(transform(token))` for every token.

    With `start_and_end`, its two values become the outputs `start_logits` and `end_logits`.
    """

    output: Linear
    start_and_end: bool = False
    transform: Transform | None = None


@dataclass(frozen=True, slots=True)
class VectorLayer:
    """`activation(dense(x))`, plus `x` or `residual(x)` with `adds_input`."""

    dense: Linear
    activation: str
    adds_input: bool = False
    residual: Linear | None = None

    @property
    def width(self) -> int:
        """The number of dimensions of its vectors."""
        return self.dense.width


@dataclass(frozen=True, slots=True)
class UnitLength:
    """Scales vectors to length 1."""


@dataclass(frozen=True, slots=True)
class Truncation:
    """Keeps the first `size` dimensions."""

    size: int


VectorStep = VectorLayer | LayerNorm | UnitLength | Truncation


@dataclass(frozen=True, slots=True)
class PoolingHead:
    """The vector of a text: its poolings side by side, as `modeling.pooling.pool` computes them, then `steps`.

    `skipped`: the number of tokens at the start that are not pooled. `output`: maps the vector to logits. `layers`: the
    layers (0: the word embeddings) whose poolings are scaled to length 1 and concatenated; none: the last layer's.
    `token_vectors`: whether the hidden states of these layers are a further output.
    """

    poolings: tuple[str, ...] = ("mean",)
    steps: tuple[VectorStep, ...] = ()
    skipped: int = 0
    output: Linear | None = None
    layers: tuple[int, ...] = ()
    token_vectors: bool = False

    @property
    def first_only(self) -> bool:
        """Whether only the first token is read."""
        return self.poolings == ("cls",) and not self.skipped and not self.layers and not self.token_vectors

    def width(self, size: int) -> int:
        """The number of dimensions of a vector, for hidden states of `size`."""
        found = size * len(self.poolings) * max(1, len(self.layers))
        for step in self.steps:
            if isinstance(step, VectorLayer):
                found = step.width
            elif isinstance(step, Truncation):
                found = min(found, step.size)
        return found

    def token_width(self, size: int) -> int:
        """The number of dimensions of a token's vector, for hidden states of `size`."""
        return size * max(1, len(self.layers))


Head = ClassificationHead | TokenHead | PoolingHead


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """All weights of an encoder.

    `relative_bias`, `(heads, 2 * positions - 1)`, is added to the attention scores by distance (key minus query), from
    the most negative distance on. `pre_norm`: see `Layer`; `final_norm` follows the last layer.
    `distance_rows`, `(2 * longest + 1,)`: the row of the position tables for each distance (query minus key), from the
    most negative one on; farther tokens have the rows of the farthest.
    """

    embeddings: Embeddings
    layers: tuple[Layer, ...]
    heads: int
    activation: str
    head: Head
    relative_bias: Floats | None = None
    distance_rows: NDArray[np.int64] | None = None
    pre_norm: bool = False
    final_norm: LayerNorm | None = None

    @property
    def reads_first_only(self) -> bool:
        """Whether the head reads only the first token."""
        if isinstance(self.head, ClassificationHead):
            return not self.head.mean
        return isinstance(self.head, PoolingHead) and self.head.first_only

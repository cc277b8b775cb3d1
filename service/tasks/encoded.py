"""Encoded texts: their windows of token ids and the position of each token in the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32] | NDArray[np.float64]


class Pair(NamedTuple):
    """Two texts for one input: premise and hypothesis, query and document, question and context."""

    first: str
    second: str


Text = str | Pair


class PairWindow(list[int]):
    """Token ids of two texts; the second text begins at index `second` (for `token_type_ids`)."""

    __slots__ = ("second",)

    def __init__(self, ids: Sequence[int], second: int) -> None:
        super().__init__(ids)
        self.second = second


class TokenWindow(list[int]):
    """Token ids of a window whose caller also reads the vectors of its tokens, from a graph of vectors that gives them.

    The output for it is the vector of the window and then those of its tokens, in one array; see `join_vectors`.
    """

    __slots__ = ()


def join_vectors(vector: Floats, tokens: Floats) -> NDArray[np.float32]:
    """Return the vector of a window and then those of its tokens, `(tokens, dimension)`, in one flat array."""
    return np.concatenate([vector, tokens.ravel()], dtype=np.float32)


def token_vectors(joined: Floats, *, after: int, dimension: int) -> Floats:
    """Return the vectors of the tokens, `(tokens, dimension)`, from what `join_vectors` joined.

    `after`: the numbers in the vector of the window.

    >>> token_vectors(np.arange(6.0), after=2, dimension=2)
    array([[2., 3.],
           [4., 5.]])
    """
    return joined[after:].reshape(-1, dimension)


@dataclass(frozen=True, slots=True)
class Alignment:
    """Positions of the tokens of one window in the text.

    `offsets` `(seq, 2)`: start and end in code points. `words` `(seq,)`: the index of each token's word, split by
    the tokenizer, -1 for tokens outside the text: special tokens, and the question in question answering.
    """

    offsets: NDArray[np.int64]
    words: NDArray[np.int64]

    @property
    def inside(self) -> NDArray[np.intp]:
        """Indices of the tokens that belong to the text, in order."""
        return np.flatnonzero(self.words >= 0)


@dataclass(frozen=True, slots=True)
class EncodedText:
    """The windows of one text.

    Attributes:
        windows: Token ids of each window, with special tokens.
        new_tokens: For each window, the number of tokens that no earlier window contains; the sum is the length of the
            text in tokens.
        text: The text that offsets refer to; of a pair, the second one.
        alignment: One per window, or empty if the task does not need it.
    """

    windows: tuple[list[int], ...]
    new_tokens: tuple[int, ...]
    truncated: bool = False
    text: str = ""
    alignment: tuple[Alignment, ...] = ()

    @property
    def tokens(self) -> int:
        """Number of tokens that the model sees, without special tokens and overlaps."""
        return sum(self.new_tokens)


def weighted_mean(windows: Floats, new_tokens: Sequence[int]) -> NDArray[np.float64]:
    """Return the mean over windows `(windows, ...)`, weighted by the new tokens of each."""
    return np.asarray(np.average(windows, axis=0, weights=np.asarray(new_tokens, dtype=np.float64)))


def windows_of(texts: Sequence[EncodedText]) -> list[list[int]]:
    """Return the windows of all texts, in order."""
    return [window for text in texts for window in text.windows]


def group_by_text(texts: Sequence[EncodedText], outputs: Sequence[Floats]) -> list[Sequence[Floats]]:
    """Group the outputs of `windows_of(texts)` by text."""
    groups, start = [], 0
    for text in texts:
        groups.append(outputs[start : start + len(text.windows)])
        start += len(text.windows)
    return groups

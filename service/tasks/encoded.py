"""What a decoder knows of a text beside what the graph gave: its windows, and where their tokens lie in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32] | NDArray[np.float64]


class Pair(NamedTuple):
    """Two texts that are read together: premise and hypothesis, query and document, question and context."""

    first: str
    second: str


Text = str | Pair


class PairWindow(list[int]):
    """Token ids of two texts. The second begins at `second`: what models with token types want to know."""

    __slots__ = ("second",)

    def __init__(self, ids: Sequence[int], second: int) -> None:
        super().__init__(ids)
        self.second = second


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where the tokens of one window lie. Special tokens, and the question in question answering, lie nowhere.

    `offsets` `(seq, 2)` count code points of the text, start and end; `words` `(seq,)` number the words that tokens
    are parts of, as the tokenizer parts them, -1 for tokens that lie nowhere.
    """

    offsets: NDArray[np.int64]
    words: NDArray[np.int64]

    @property
    def inside(self) -> NDArray[np.intp]:
        """The places of the tokens that lie in the text, in order."""
        return np.flatnonzero(self.words >= 0)


@dataclass(frozen=True, slots=True)
class EncodedText:
    """The windows of one text. `windows[i]` holds token ids with special tokens; `new_tokens[i]` counts the tokens
    of the text that window i adds to those before it, so that `sum(new_tokens)` is the text's length in tokens.

    `text` is the text that offsets count in (of a pair the second one), `alignment` says where its tokens lie: one for
    each window, or none where the task does not ask for it.
    """

    windows: tuple[list[int], ...]
    new_tokens: tuple[int, ...]
    truncated: bool = False
    text: str = ""
    alignment: tuple[Alignment, ...] = ()

    @property
    def tokens(self) -> int:
        """Tokens of the text that the model sees, special tokens and overlaps not counted."""
        return sum(self.new_tokens)


def weighted_mean(windows: Floats, new_tokens: Sequence[int]) -> NDArray[np.float64]:
    """The mean over windows `(windows, ...)`, weighted by the tokens that each adds."""
    return np.asarray(np.average(windows, axis=0, weights=np.asarray(new_tokens, dtype=np.float64)))


def windows_of(texts: Sequence[EncodedText]) -> list[list[int]]:
    """The windows of all texts, in order."""
    return [window for text in texts for window in text.windows]


def by_text(texts: Sequence[EncodedText], outputs: Sequence[Floats]) -> list[Sequence[Floats]]:
    """What belongs to the windows of each text, out of what belongs to `windows_of` all of them."""
    groups, start = [], 0
    for text in texts:
        groups.append(outputs[start : start + len(text.windows)])
        start += len(text.windows)
    return groups

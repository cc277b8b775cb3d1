"""What texts will cost, estimated from their characters before they are encoded, with rates learned from earlier texts.

A request may contain megabytes. Encoding them only to find that the queue is full would take longer than answering
others, so admission needs an estimate that costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from glossator.service.bundle.task import Encoding

_LEARNING = 0.1
_FULL_WEIGHT_CHARACTERS = 1_000
"""Texts of fewer characters count less: their special tokens and the call would dominate."""
_TEXT_SECONDS = 1e-4
"""What a text takes besides encoding, mostly decoding."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The estimated work of a request."""

    windows: int
    tokens: int
    """Of all windows, with special tokens and overlaps."""
    seconds: float
    """Of one thread, to encode the texts and decode their answers."""


class TextRates:
    """Tokens and seconds of encoding per character: running means over the texts that an encoder has seen.

    Threads may call it at the same time; an update may then get lost, which does no harm.
    """

    def __init__(self, encoding: Encoding, special_tokens: int) -> None:
        self._encoding = encoding
        self._special_tokens = special_tokens
        self.tokens = 0.3
        """Per character. First guess: English in subwords."""
        self.seconds = 2e-6
        """Per character. First guess: the slow side of what tokenizers take, 1 to 3.5 s for a million characters."""

    def learn(self, characters: int, tokens: int, seconds: float) -> None:
        """Note how many tokens some texts had, and the seconds that encoding them took."""
        if not characters:
            return
        weight = _LEARNING * min(1.0, characters / _FULL_WEIGHT_CHARACTERS)
        self.tokens += weight * (tokens / characters - self.tokens)
        self.seconds += weight * (seconds / characters - self.seconds)

    def estimate(self, characters: Sequence[int], *, truncate: bool = False) -> Workload:
        """Return the workload of texts with these numbers of characters; with `truncate`, only first windows run."""
        room = self._encoding.max_length - self._special_tokens
        windows, tokens = 0, 0
        for count in characters:
            own = int(count * self.tokens) + 1
            if own <= room or truncate:
                windows += 1
                tokens += min(own, room) + self._special_tokens
            else:
                needed = -(-(own - self._encoding.stride) // max(1, room - self._encoding.stride))
                windows += needed
                tokens += needed * self._encoding.max_length
        return Workload(windows, tokens, sum(characters) * self.seconds + len(characters) * _TEXT_SECONDS)


def count_characters(text: object) -> int:
    """Return how many characters an input has; those of both texts of a pair, and none of an invalid input."""
    if isinstance(text, tuple):
        return sum(map(count_characters, text))
    return len(text) if isinstance(text, str) else 0

"""Text to windows of token ids. Nothing is cut off unless the caller asks for truncation.

If two texts do not fit in one window, the longer one is split into windows, each with the whole shorter text; in
question answering, the context is always the one that is split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tokenizers import Tokenizer

from glossator.service.bundle.task import Encoding, Task
from glossator.service.errors import BundleInvalid, EmptyText, Fault, InputError, TextTooLong, UndecodableText
from glossator.service.tasks.encoded import Alignment, EncodedText, Pair, PairWindow, Text

MAX_CHARACTERS = 10_000_000
"""Longer texts are rejected: their windows would occupy a worker for minutes."""


def check_text(text: object) -> str:
    """Return the text. Raises UndecodableText, EmptyText or TextTooLong if it cannot be encoded."""
    if not isinstance(text, str):
        raise UndecodableText("this is not a text", found=type(text).__name__, expected="a string")
    if len(text) > MAX_CHARACTERS:
        raise TextTooLong(
            "the text is too long",
            found=f"{len(text):,} characters",
            expected=f"at most {MAX_CHARACTERS:,} characters",
            hint="Split it into documents.",
        )
    if not text.strip():
        raise EmptyText("the text is empty", expected="at least one character that is not white space")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UndecodableText(
            f"the text contains a lone surrogate at character {error.start}",
            found=text[error.start],
            expected="Unicode scalar values",
            hint="An emoji was cut in half or encodings were mixed: fix the program that wrote the text.",
        ) from None
    return text


def check_input(value: object, *, pair: bool) -> Text:
    """Return `value` as a text, or with `pair` as two texts.

    Raises the errors of `check_text`; for a pair, the message names the invalid side.
    """
    if isinstance(value, str) or not pair:
        text = check_text(value)
        if pair:
            raise UndecodableText(
                "this model reads two texts at a time", found="one text", expected="a first and a second text"
            )
        return text
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise UndecodableText("this is not a pair of texts", found=type(value).__name__, expected="two strings")
    checked = []
    for side, text in zip(("first", "second"), value, strict=True):
        try:
            checked.append(check_text(text))
        except InputError as error:
            error.message = f"{side} text: {error.message}"
            raise
    return Pair(*checked)


@dataclass(frozen=True, slots=True)
class Token:
    """A token with its offsets in the text, in code points; None for special tokens."""

    id: int
    text: str
    special: bool
    start: int | None
    stop: int | None


SplitSide = Literal["longer", "second"]
"""Which of two texts is split if they do not fit in one window."""


class Encoder:
    """Encodes texts with a bundle's tokenizer. Thread-safe: truncation and padding are set once, in the constructor.

    With `aligned`, encoded texts contain the positions of their tokens.
    """

    def __init__(
        self, tokenizer_file: Path, encoding: Encoding, *, aligned: bool = False, split_side: SplitSide = "longer"
    ) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
            self._whole = Tokenizer.from_str(self._tokenizer.to_str())
        except Exception as error:  # tokenizers raises bare Exception
            fault = Fault("tokenizer-unreadable", str(error), tokenizer_file.name)
            raise BundleInvalid("the tokenizer cannot be read", faults=[fault]) from error
        if self._tokenizer.id_to_token(encoding.pad_token_id) is None:
            fault = Fault(
                "pad-token-unknown", f"the tokenizer has no token {encoding.pad_token_id}", tokenizer_file.name
            )
            raise BundleInvalid("the tokenizer does not know the padding token", faults=[fault])
        self.encoding = encoding
        self._aligned = aligned
        self._split_side = split_side
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(encoding.max_length, stride=encoding.stride)
        self._whole.no_padding()
        self._whole.no_truncation()
        self.special_tokens: int = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        """The number of special tokens in a window of one text."""

    def tokens(self, text: str, *, special_tokens: bool = True) -> list[Token]:
        """Return all tokens of a text, not split into windows."""
        found = self._whole.encode(text, add_special_tokens=special_tokens)
        return [
            Token(number, token, True, None, None) if special else Token(number, token, False, *place)
            for number, token, special, place in zip(
                found.ids, found.tokens, found.special_tokens_mask, found.offsets, strict=True
            )
        ]

    def text(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """Return the text of token ids. Raises InputError for an unknown id."""
        for number in ids:
            if not 0 <= number < 1 << 32 or self._whole.id_to_token(number) is None:
                size = self._whole.get_vocab_size()
                raise InputError(
                    "the tokenizer has no such token", found=number, expected=f"an id from 0 to {size - 1:,}"
                )
        return str(self._whole.decode(list(ids), skip_special_tokens=skip_special_tokens))

    def encode(self, texts: Sequence[Text], *, truncate: bool = False) -> list[EncodedText | InputError]:
        """Return the windows of each text; with `truncate`, only the first window.

        Texts must have passed `check_input`. A text without tokens (some tokenizers drop characters) has one window of
        special tokens. A pair whose shorter text takes more than half of a window yields TextTooLong, unless `truncate`
        is set.
        """
        pairs = [text for text in texts if isinstance(text, Pair)]
        if pairs:
            together = self._whole.encode_batch([tuple(pair) for pair in pairs], add_special_tokens=True)
            return [self._pair(found, pair, truncate) for found, pair in zip(together, pairs, strict=True)]
        if len(texts) == 1:  # starting the tokenizer's threads would take longer than the work
            encoded = [self._tokenizer.encode(texts[0], add_special_tokens=True)]
        elif self._aligned:
            encoded = self._tokenizer.encode_batch(list(texts), add_special_tokens=True)
        else:
            encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=True)  # fast: no offsets
        texts_encoded: list[EncodedText | InputError] = []
        for text, first in zip(texts, encoded, strict=True):
            parts = [first] if truncate else [first, *first.overflowing]
            windows = tuple(part.ids for part in parts)
            lengths = [len(window) - self.special_tokens for window in windows]
            new_tokens = (lengths[0], *(length - self.encoding.stride for length in lengths[1:]))
            texts_encoded.append(
                EncodedText(
                    windows,
                    new_tokens,
                    truncated=truncate and bool(first.overflowing),
                    text=str(text),
                    alignment=tuple(_alignment(part) for part in parts) if self._aligned else (),
                )
            )
        return texts_encoded

    def _pair(self, found: Any, pair: Pair, truncate: bool) -> EncodedText | InputError:
        """Return the windows of a pair that the tokenizer encoded as one sequence."""
        sides = np.array([-1 if side is None else side for side in found.sequence_ids])
        counts = [int((sides == side).sum()) for side in (0, 1)]
        split = 1 if self._split_side == "second" or counts[1] >= counts[0] else 0
        kept = counts[1 - split]
        room = self.encoding.max_length - (len(found.ids) - counts[split])
        if counts[split] <= room:
            slices = [(0, counts[split])]
        else:
            half = (self.encoding.max_length - (len(found.ids) - sum(counts))) // 2
            if kept > half and not truncate:
                return TextTooLong(
                    f"the {'first' if split else 'second'} text takes more than half of a window, and the other does "
                    "not fit into the rest",
                    found=f"{kept:,} tokens",
                    expected=f"at most {half:,} tokens",
                    hint="Shorten it, or set truncate.",
                )
            if kept > half:
                return self._cut(found, pair, sides, counts, half)
            slices = _slices(counts[split], room, min(self.encoding.stride, room // 2))
        cut = truncate and len(slices) > 1
        if cut:
            slices = slices[:1]
        places = np.flatnonzero(sides == split)
        first, last = (int(places[0]), int(places[-1]) + 1) if len(places) else (1, 1)
        windows = []
        for start, stop in slices:
            taken = [*range(first), *range(first + start, first + stop), *range(last, len(found.ids))]
            windows.append(taken)
        ends = [0, *(stop for _, stop in slices)]
        new_tokens = [stop - before + (0 if before else kept) for before, stop in pairwise(ends)]
        return self._pair_windows(found, pair, windows, new_tokens, truncated=cut)

    def _cut(
        self, found: Any, pair: Pair, sides: np.ndarray[Any, Any], counts: Sequence[int], half: int
    ) -> EncodedText:
        """Truncate both texts to fit in one window."""
        shares = [min(counts[0], max(half, 2 * half - counts[1])), min(counts[1], max(half, 2 * half - counts[0]))]
        number = [0, 0]
        taken = []
        for place, side in enumerate(sides.tolist()):
            if side >= 0:
                number[side] += 1
                if number[side] > shares[side]:
                    continue
            taken.append(place)
        return self._pair_windows(found, pair, [taken], [sum(shares)], truncated=True)

    def _pair_windows(
        self, found: Any, pair: Pair, windows: Sequence[Sequence[int]], new_tokens: Sequence[int], *, truncated: bool
    ) -> EncodedText:
        """Return the windows that contain the tokens at these positions."""
        ids, types = found.ids, found.type_ids
        made: list[list[int]] = []
        for places in windows:
            second = next((index for index, place in enumerate(places) if types[place]), len(places))
            made.append(PairWindow([ids[place] for place in places], second))
        alignment: tuple[Alignment, ...] = ()
        if self._aligned:
            offsets = np.array(found.offsets, dtype=np.int64).reshape(-1, 2)
            words = np.array(
                [
                    word if word is not None and side == 1 else -1
                    for word, side in zip(found.word_ids, found.sequence_ids, strict=True)
                ]
            )
            alignment = tuple(Alignment(offsets[list(places)], words[list(places)]) for places in windows)
        return EncodedText(tuple(made), tuple(new_tokens), truncated=truncated, text=pair.second, alignment=alignment)


def make_encoder(tokenizer_file: Path, task: Task) -> Encoder:
    """Return the encoder for a task."""
    return Encoder(
        tokenizer_file,
        task.encoding,
        aligned=task.task in ("token-classification", "question-answering"),
        split_side="second" if task.task == "question-answering" else "longer",
    )


def reads_pairs(task: Task) -> bool:
    """Whether the task's inputs are two texts."""
    return task.task in ("text-pair", "question-answering")


def _alignment(encoding: Any) -> Alignment:
    words = [-1 if word is None else word for word in encoding.word_ids]
    return Alignment(np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2), np.array(words, dtype=np.int64))


def _slices(length: int, room: int, stride: int) -> list[tuple[int, int]]:
    """Return start and end of the windows of `room` tokens that overlap by `stride` and cover `length` tokens.

    >>> _slices(10, 6, 2)
    [(0, 6), (4, 10)]
    """
    starts = range(0, max(1, length - stride), room - stride)
    return [(start, min(start + room, length)) for start in starts]

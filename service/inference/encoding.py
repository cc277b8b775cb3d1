"""Text to windows of token ids, with nothing cut off unless the caller asks.

Of two texts that do not fit one window together, the longer one is read in windows, each beside the whole of the
shorter one; in question answering it is always the context that is parted.
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
"""A text above this is refused: its windows would hold one worker for minutes."""


def check_text(text: object) -> str:
    """The text itself; raises UndecodableText, EmptyText or TextTooLong where it cannot be encoded."""
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
            f"the text holds a lone surrogate at character {error.start}",
            found=text[error.start],
            expected="Unicode scalar values",
            hint="The writer cut an emoji in half or mixed encodings: mend the source.",
        ) from None
    return text


def check_input(value: object, *, pair: bool) -> Text:
    """The text, or with `pair` the two texts, that `value` holds; raises what `check_text` raises, with the side that
    is at fault."""
    if isinstance(value, str) or not pair:
        text = check_text(value)
        if pair:
            raise UndecodableText(
                "this model reads two texts at a time", found="one text", expected="a first and a second text"
            )
        return text
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise UndecodableText("these are not two texts", found=type(value).__name__, expected="two strings")
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
    """A token of a text, and where it lies in it, in code points; special tokens lie nowhere."""

    id: int
    text: str
    special: bool
    start: int | None
    stop: int | None


Parted = Literal["longer", "second"]
"""Which of two texts is read in windows where they do not fit one together."""


class Encoder:
    """Encodes texts with a bundle's tokenizer. Threads may share one: truncation and padding are set once, here.

    With `aligned`, texts come out with the places of their tokens.
    """

    def __init__(
        self, tokenizer_file: Path, encoding: Encoding, *, aligned: bool = False, parted: Parted = "longer"
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
        self._parted = parted
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(encoding.max_length, stride=encoding.stride)
        self._whole.no_padding()
        self._whole.no_truncation()
        self.special_tokens: int = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        """How many a window of one text has."""

    def tokens(self, text: str, *, special_tokens: bool = True) -> list[Token]:
        """Every token of a text, whatever the length of a window."""
        found = self._whole.encode(text, add_special_tokens=special_tokens)
        return [
            Token(number, token, True, None, None) if special else Token(number, token, False, *place)
            for number, token, special, place in zip(
                found.ids, found.tokens, found.special_tokens_mask, found.offsets, strict=True
            )
        ]

    def text(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """The text of tokens; raises InputError for an id that is not known."""
        for number in ids:
            if not 0 <= number < 1 << 32 or self._whole.id_to_token(number) is None:
                size = self._whole.get_vocab_size()
                raise InputError(
                    "the tokenizer has no such token", found=number, expected=f"an id from 0 to {size - 1:,}"
                )
        return str(self._whole.decode(list(ids), skip_special_tokens=skip_special_tokens))

    def encode(self, texts: Sequence[Text], *, truncate: bool = False) -> list[EncodedText | InputError]:
        """The windows of each text, all of them unless `truncate` asks for the first alone.

        Texts must have passed `check_input`. A text may come out with no token of its own (a tokenizer that drops
        every character): then it has one window of special tokens. A pair whose shorter side takes more than half of a
        window has its TextTooLong in its place, unless `truncate` is set.
        """
        pairs = [text for text in texts if isinstance(text, Pair)]
        if pairs:
            together = self._whole.encode_batch([tuple(pair) for pair in pairs], add_special_tokens=True)
            return [self._pair(found, pair, truncate) for found, pair in zip(together, pairs, strict=True)]
        if len(texts) == 1:  # as online: the threads that share a batch out would cost more than the work
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
        """The windows of two texts that the tokenizer has put together."""
        sides = np.array([-1 if side is None else side for side in found.sequence_ids])
        counts = [int((sides == side).sum()) for side in (0, 1)]
        parted = 1 if self._parted == "second" or counts[1] >= counts[0] else 0
        kept = counts[1 - parted]
        room = self.encoding.max_length - (len(found.ids) - counts[parted])
        if counts[parted] <= room:
            slices = [(0, counts[parted])]
        else:
            half = (self.encoding.max_length - (len(found.ids) - sum(counts))) // 2
            if kept > half and not truncate:
                return TextTooLong(
                    f"the {'first' if parted else 'second'} text takes more than half of a window, and the other does "
                    "not fit beside it",
                    found=f"{kept:,} tokens",
                    expected=f"at most {half:,} tokens",
                    hint="Shorten it, or set truncate.",
                )
            if kept > half:
                return self._cut(found, pair, sides, counts, half)
            slices = _slices(counts[parted], room, min(self.encoding.stride, room // 2))
        cut = truncate and len(slices) > 1
        if cut:
            slices = slices[:1]
        places = np.flatnonzero(sides == parted)
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
        """Both texts cut to what fits one window, as was asked."""
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
        """The windows that hold the tokens at these places."""
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


def encoder_of(tokenizer_file: Path, task: Task) -> Encoder:
    """The encoder that a task needs."""
    return Encoder(
        tokenizer_file,
        task.encoding,
        aligned=task.task in ("token-classification", "question-answering"),
        parted="second" if task.task == "question-answering" else "longer",
    )


def reads_pairs(task: Task) -> bool:
    """Whether the task's inputs are two texts."""
    return task.task in ("text-pair", "question-answering")


def _alignment(encoding: Any) -> Alignment:
    words = [-1 if word is None else word for word in encoding.word_ids]
    return Alignment(np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2), np.array(words, dtype=np.int64))


def _slices(length: int, room: int, stride: int) -> list[tuple[int, int]]:
    """Where windows of `room` tokens that overlap by `stride` begin and end in `length` tokens.

    >>> _slices(10, 6, 2)
    [(0, 6), (4, 10)]
    """
    starts = range(0, max(1, length - stride), room - stride)
    return [(start, min(start + room, length)) for start in starts]

"""Text to windows of token ids. Nothing is cut off unless the caller asks for truncation.

If two texts do not fit in one window, the longer one is split into windows, each with the whole shorter text; in
question answering, the context is always the one that is split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tokenizers import Tokenizer

from glossator.service.bundle import file_names
from glossator.service.bundle.task import Encoding, Task
from glossator.service.errors import (
    BundleInvalid,
    ConfigError,
    EmptyText,
    Fault,
    InputError,
    TextTooLong,
    TokenizerFailed,
    UndecodableText,
    shorten,
)
from glossator.service.tasks.encoded import Alignment, EncodedText, Pair, PairWindow, Text

MAX_CHARACTERS = 10_000_000
"""Longer texts are rejected: their windows would occupy a worker for minutes."""
_FEW_CHARACTERS = 2_048
"""Only shorter texts are encoded alone: `Tokenizer.encode` keeps the interpreter's lock, which stops all threads."""


def check_text(text: object) -> str:
    """Return the text. Raises UndecodableText, EmptyText or TextTooLong if it cannot be encoded."""
    if not isinstance(text, str):
        found = f"a missing value ({type(text).__name__})" if _is_missing(text) else type(text).__name__
        raise UndecodableText("this is not a text", found=found, expected="a string")
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


def _is_missing(value: object) -> bool:
    """Whether a value stands for none in a data frame: None, NaN, or NA and NaT of pandas."""
    return type(value).__name__ in ("NoneType", "NAType", "NaTType") or (isinstance(value, float) and value != value)


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

    `tokenizer` is the file or its content. With `aligned`, encoded texts contain the positions of their tokens. Every
    window of a single text begins with the `prompt`. With truncation, only `characters` of a single text are read.
    """

    def __init__(
        self,
        tokenizer: Path | bytes,
        encoding: Encoding,
        *,
        aligned: bool = False,
        split_side: SplitSide = "longer",
        prompt: str = "",
        characters: int | None = None,
    ) -> None:
        try:
            content = tokenizer if isinstance(tokenizer, bytes) else tokenizer.read_bytes()
            self._tokenizer = Tokenizer.from_buffer(content)
        except Exception as error:  # tokenizers raises bare Exception
            fault = Fault("tokenizer-unreadable", str(error), file_names.TOKENIZER)
            raise BundleInvalid("the tokenizer cannot be read", faults=[fault]) from error
        if self._tokenizer.id_to_token(encoding.pad_token_id) is None:
            fault = Fault(
                "pad-token-unknown", f"the tokenizer has no token {encoding.pad_token_id}", file_names.TOKENIZER
            )
            raise BundleInvalid("the tokenizer does not know the padding token", faults=[fault])
        self.encoding = encoding
        self._aligned = aligned
        self._split_side = split_side
        self._prompt = prompt
        self._characters = characters
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(encoding.max_length, stride=encoding.stride)
        self.special_tokens: int = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        """The number of special tokens in a window of one text."""
        self._prompt_ids = prompt_ids(self._whole, prompt) if prompt else []
        self.prompt_tokens = len(self._whole.encode(prompt, add_special_tokens=False).ids) if prompt else 0
        """The number of tokens of the prompt, in each window of a single text."""

    def aligned(self) -> Encoder:
        """Return an encoder with the same tokenizer whose encoded texts contain the positions of their tokens.

        Raises ConfigError if it puts a prompt before each text: its tokens have no positions in the text.
        """
        if self._prompt:
            raise ConfigError(
                "tokens have no positions in a text with a prompt before it",
                found=f"the prompt {shorten(self._prompt)!r}",
                hint='Import the model without a prompt: glossator import MODEL --prompt "".',
            )
        twin = copy(self)
        twin._aligned = True
        return twin

    @cached_property
    def _whole(self) -> Tokenizer:
        """The same tokenizer without truncation. Single texts without a prompt do not need it."""
        whole = Tokenizer.from_str(self._tokenizer.to_str())
        whole.no_padding()
        whole.no_truncation()
        return whole

    def tokens(self, text: str, *, special_tokens: bool = True) -> list[Token]:
        """Return all tokens of a text, not split into windows. Raises TokenizerFailed."""
        (found,) = _each(self._whole.encode_batch, [text], special_tokens=special_tokens)
        if isinstance(found, InputError):
            raise found
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

    def encode(
        self, texts: Sequence[Text], *, truncate: bool = False, allow_empty: bool = True
    ) -> list[EncodedText | InputError]:
        """Return the windows of each text; with `truncate`, only the first window.

        Texts must have passed `check_input`. A text without tokens (some tokenizers drop characters) has one window of
        special tokens, or yields EmptyText without `allow_empty`. A pair whose shorter text takes more than half of a
        window yields TextTooLong, unless `truncate` is set. A text on which the tokenizer fails yields TokenizerFailed.
        """
        pairs = [text for text in texts if isinstance(text, Pair)]
        if pairs:
            together = _each(self._whole.encode_batch, [tuple(pair) for pair in pairs])
            return [
                found if isinstance(found, InputError) else self._pair(found, pair, truncate, allow_empty)
                for found, pair in zip(together, pairs, strict=True)
            ]
        if truncate and self._characters is not None:
            cut = [str(text)[: self._characters] for text in texts]
            encoded_cut = self._encode_texts(cut, truncate=True, allow_empty=allow_empty)
            return [
                replace(found, truncated=True) if isinstance(found, EncodedText) and len(text) > len(kept) else found
                for found, text, kept in zip(encoded_cut, texts, cut, strict=True)
            ]
        return self._encode_texts([str(text) for text in texts], truncate=truncate, allow_empty=allow_empty)

    def _encode_texts(
        self, texts: Sequence[str], *, truncate: bool, allow_empty: bool
    ) -> list[EncodedText | InputError]:
        if self._prompt:
            prompted = _each(self._whole.encode_batch_fast, [self._prompt + text for text in texts])
            return [
                found if isinstance(found, InputError) else self._prompted(found, text, truncate, allow_empty)
                for found, text in zip(prompted, texts, strict=True)
            ]
        if len(texts) == 1 and len(texts[0]) <= _FEW_CHARACTERS:
            encoded = _each(lambda inputs, **asked: [self._tokenizer.encode(inputs[0], **asked)], texts)
        elif self._aligned:
            encoded = _each(self._tokenizer.encode_batch, texts)
        else:
            encoded = _each(self._tokenizer.encode_batch_fast, texts)  # fast: no offsets
        texts_encoded: list[EncodedText | InputError] = []
        for text, first in zip(texts, encoded, strict=True):
            if isinstance(first, InputError):
                texts_encoded.append(first)
                continue
            parts = [first] if truncate else [first, *first.overflowing]
            windows = tuple(part.ids for part in parts)
            lengths = [len(window) - self.special_tokens for window in windows]
            if not allow_empty and not lengths[0]:
                texts_encoded.append(_no_tokens("the text"))
                continue
            new_tokens = (lengths[0], *(length - self.encoding.stride for length in lengths[1:]))
            texts_encoded.append(
                EncodedText(
                    windows,
                    new_tokens,
                    truncated=truncate and bool(first.overflowing),
                    text=text,
                    alignment=tuple(_alignment(part) for part in parts) if self._aligned else (),
                )
            )
        return texts_encoded

    def _prompted(self, found: Any, text: str, truncate: bool, allow_empty: bool) -> EncodedText | InputError:
        """Return the windows of a text that the tokenizer encoded with the prompt before it."""
        ids, special = found.ids, found.special_tokens_mask
        after = len(ids) - next((place for place in reversed(range(len(ids))) if not special[place]), 0) - 1
        # The last token of the prompt may be one with the first of the text.
        pairs = zip(self._prompt_ids, ids[: len(ids) - after], strict=False)
        before = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        length = len(ids) - before - after
        if not allow_empty and not length:
            return _no_tokens("the text")
        room = self.encoding.max_length - before - after
        slices = _slices(length, room, min(self.encoding.stride, room // 2)) if length > room else [(0, length)]
        cut = truncate and len(slices) > 1
        if cut:
            slices = slices[:1]
        windows = tuple(
            [*ids[:before], *ids[before + start : before + stop], *ids[len(ids) - after :]] for start, stop in slices
        )
        ends = [0, *(stop for _, stop in slices)]
        new_tokens = tuple(stop - start for start, stop in pairwise(ends))
        return EncodedText(windows, new_tokens, truncated=cut, text=text)

    def _pair(self, found: Any, pair: Pair, truncate: bool, allow_empty: bool) -> EncodedText | InputError:
        """Return the windows of a pair that the tokenizer encoded as one sequence."""
        sides = np.array([-1 if side is None else side for side in found.sequence_ids])
        counts = [int((sides == side).sum()) for side in (0, 1)]
        if not allow_empty and 0 in counts:
            return _no_tokens(f"the {'second' if counts[0] else 'first'} text")
        split = 1 if self._split_side == "second" or counts[1] >= counts[0] else 0
        kept = counts[1 - split]
        room = self.encoding.max_length - (len(found.ids) - counts[split])
        if counts[split] <= room:
            slices = [(0, counts[split])]
        else:
            both = self.encoding.max_length - (len(found.ids) - sum(counts))
            half = both // 2
            if kept > half and not truncate:
                return TextTooLong(
                    f"the {'first' if split else 'second'} text takes more than half of a window, and the other does "
                    "not fit into the rest",
                    found=f"{kept:,} tokens",
                    expected=f"at most {half:,} tokens",
                    hint="Shorten it, or set truncate.",
                )
            if kept > half:
                return self._cut(found, pair, sides, counts, both)
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
        self, found: Any, pair: Pair, sides: np.ndarray[Any, Any], counts: Sequence[int], both: int
    ) -> EncodedText:
        """Truncate the texts to `both` tokens together, as transformers does with `longest_first`.

        Each gets half; what the shorter one does not need, and an odd token, goes to the longer one, or to the second.
        """
        shorter = int(counts[1] < counts[0])
        shares = [0, 0]
        shares[shorter] = min(counts[shorter], both // 2)
        shares[1 - shorter] = min(counts[1 - shorter], both - shares[shorter])
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


def _each(
    encode: Callable[..., list[Any]], inputs: Sequence[Any], *, special_tokens: bool = True
) -> list[Any | TokenizerFailed]:
    """Return what the tokenizer makes of each input, or its error. One that fails does not fail the others."""
    try:
        return encode(list(inputs), add_special_tokens=special_tokens)
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        if len(inputs) > 1:
            return [each for one in inputs for each in _each(encode, [one], special_tokens=special_tokens)]
        return [
            TokenizerFailed(
                "the model's tokenizer failed on this text",
                found=str(error).partition("\n")[0],
                hint="Send the model's maintainer this text: the tokenizer has a bug, or its file is damaged.",
            )
        ]


def is_panic(error: BaseException) -> bool:
    """Whether Rust code (tokenizers) panicked; the exception class cannot be imported."""
    return type(error).__module__ == "pyo3_runtime"


def make_encoder(tokenizer: Path | bytes, task: Task) -> Encoder:
    """Return the encoder for a task. `tokenizer` is the file or its content."""
    return Encoder(
        tokenizer,
        task.encoding,
        aligned=task.task in ("token-classification", "question-answering"),
        split_side="second" if task.task == "question-answering" else "longer",
        prompt=task.prompt if task.task == "text-embedding" else "",
        characters=task.truncate_characters if task.task == "text-embedding" else None,
    )


def prompt_ids(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """Return the tokens at the start of a text with this prompt, special tokens included; none without a prompt.

    sentence-transformers takes the same tokens for those of the prompt.
    """
    if not prompt:
        return []
    found = tokenizer.encode(prompt)
    ends_special = bool(found.ids) and bool(found.special_tokens_mask[-1])
    return list(found.ids[: len(found.ids) - ends_special])


def _no_tokens(which: str) -> EmptyText:
    return EmptyText(
        f"{which} is empty for this model: its tokenizer finds no token in it",
        expected="at least one character that the model can read",
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

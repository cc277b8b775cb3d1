"""What the training texts look like, without the texts: their pairs of characters, and their known words.

Both are in `reference.json`, which docs/bundle.md documents. A text in another language or full of typos has pairs of
characters that the training texts rarely have; a text about something new has words that they do not have.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from glossator.service.bundle.task import StrictModel

CLASSES = 64
"""Classes of characters: 26 letters, digits, white space, punctuation, and all others by their code point."""
STEPS_PER_BIT = 16
"""The surprise of a pair is stored in sixteenths of a bit, from 0 to 15.9."""
READ_CHARACTERS = 4_000
"""Longer texts are summarised by their first characters, so that the cost of a text is bounded."""
MOST_WORDS = 16_384
"""The most frequent words of the training texts that are known."""
WORD_TEXTS = 2
"""A word is known if at least this number of training texts have it: a name in a single text is never stored."""
_BITS_PER_WORD = 16
_SMOOTHING = 0.5
_OTHERS = 32
"""The first class of characters outside of ASCII."""
_WORD = re.compile(r"[^\W\d_\u3040-\u30ff\u3400-\u9fff]+|[\u3040-\u30ff\u3400-\u9fff]")
_ASCII_WORD = re.compile(rb"[a-z]+")
"""A run of letters, or one character of a script that does not separate words."""


class TextProfile(StrictModel):
    """The profile of the training texts.

    `pairs`: base64 of 64 x 64 bytes; the byte at `64 * a + b` is the surprise of a character of class `b` after one of
    class `a`, in sixteenths of a bit. `words`: base64 of a hash table of bits; the bit `crc32(word) % bits` is set for
    each known word; None if the hashes of the training texts were left out.
    """

    pairs: str
    words: str | None = None

    @model_validator(mode="after")
    def _sizes_fit(self) -> TextProfile:
        pairs = len(self._surprises) // 4
        if pairs != CLASSES * CLASSES:
            raise ValueError(f"{pairs} pairs of classes, expected {CLASSES * CLASSES}")
        bits = 0 if self._known is None else len(self._known)
        if self.words is not None and (bits & (bits - 1) or not 64 <= bits <= MOST_WORDS * _BITS_PER_WORD):
            raise ValueError(f"a table of {bits} bits for words, expected a power of two")
        return self

    @cached_property
    def _surprises(self) -> bytes:
        """One float32 for each pair, in bits. Bytes, because profiles are compared."""
        stored = np.frombuffer(base64.b64decode(self.pairs, validate=True), dtype=np.uint8)
        return (stored.astype(np.float32) / np.float32(STEPS_PER_BIT)).tobytes()

    @cached_property
    def _known(self) -> bytes | None:
        """One byte, 0 or 1, for each bit of the table of words."""
        if self.words is None:
            return None
        table = np.frombuffer(base64.b64decode(self.words, validate=True), dtype=np.uint8)
        return np.unpackbits(table, bitorder="little").tobytes()

    def surprise(self, text: str) -> float | None:
        """Return the mean surprise of a character after the one before it, in bits; None for a single character."""
        pairs = _pairs(text)
        surprises = np.frombuffer(self._surprises, dtype=np.float32)
        return float(surprises[pairs].sum()) / len(pairs) if len(pairs) else None

    def unknown_words(self, text: str) -> float | None:
        """Return the share of the words that are not known; None without words, or without a table of them."""
        known = self._known
        if known is None:
            return None
        words = split_words(text)
        if not words:
            return None
        places = map((len(known) - 1).__and__, map(zlib.crc32, words))
        return 1.0 - sum(map(known.__getitem__, places)) / len(words)


def make_text_profile(texts: Iterable[str], *, words: bool = True) -> TextProfile:
    """Return the profile of training texts; `words`: with the hashes of their frequent words."""
    counts = np.zeros(CLASSES * CLASSES, dtype=np.int64)
    having: Counter[bytes] = Counter()
    for text in texts:
        counts += np.bincount(_pairs(text), minlength=CLASSES * CLASSES)
        if words:
            having.update(set(split_words(text)))
    table = counts.reshape(CLASSES, CLASSES) + _SMOOTHING
    surprise = -np.log2(table / table.sum(axis=1, keepdims=True))
    stored = np.clip(np.round(STEPS_PER_BIT * surprise), 0, 255).astype(np.uint8)
    return TextProfile(
        pairs=base64.b64encode(stored.tobytes()).decode("ascii"),
        words=base64.b64encode(_word_table(having)).decode("ascii") if words else None,
    )


def split_words(text: str) -> list[bytes]:
    """Return the words of the first characters of a text, in lower case and in UTF-8.

    >>> split_words("Order 17: the Parcel's box")
    [b'order', b'the', b'parcel', b's', b'box']
    """
    text = text[:READ_CHARACTERS].lower()
    if text.isascii():
        return _ASCII_WORD.findall(text.encode("ascii"))
    return [word.encode("utf-8", "surrogatepass") for word in _WORD.findall(text)]


def _word_table(having: Counter[bytes]) -> bytes:
    """Return the hash table of the words that enough texts have."""
    frequent = [(count, word) for word, count in having.items() if count >= WORD_TEXTS]
    frequent.sort(key=lambda each: (-each[0], each[1]))
    kept = [word for _, word in frequent[:MOST_WORDS]]
    size = max(8, 1 << (max(1, len(kept)) * _BITS_PER_WORD - 1).bit_length() - 3)
    table = bytearray(size)
    for word in kept:
        place = zlib.crc32(word) % (8 * size)
        table[place >> 3] |= 1 << (place & 7)
    return bytes(table)


def _ascii_classes() -> NDArray[np.intp]:
    classes = np.full(128, 31, dtype=np.intp)
    for code in range(128):
        character = chr(code)
        if "a" <= character <= "z":
            classes[code] = code - ord("a")
        elif character.isdigit():
            classes[code] = 26
        elif character.isspace():
            classes[code] = 27
        elif character in ".,;:":
            classes[code] = 28
        elif character in "!?":
            classes[code] = 29
        elif character in "'\"()-":
            classes[code] = 30
    return classes


_ASCII = _ascii_classes()
_TRANSLATION = bytes(_ASCII.astype(np.uint8).tobytes().ljust(256, b"\0"))


def _pairs(text: str) -> NDArray[np.integer[Any]]:
    """Return the pairs of classes of neighbouring characters, `(characters - 1,)`, as `64 * first + second`."""
    text = text[:READ_CHARACTERS].lower()
    if text.isascii():
        classes = np.frombuffer(text.encode("ascii").translate(_TRANSLATION), dtype=np.uint8).astype(np.uint16)
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        others = _OTHERS + ((codes * np.uint32(2_654_435_761)) >> np.uint32(27))  # 32 classes
        classes = np.where(codes < 128, _ASCII[np.minimum(codes, 127)], others).astype(np.uint16)
    return CLASSES * classes[:-1] + classes[1:]

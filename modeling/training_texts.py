"""Hashes and signatures of training texts, and the rows whose texts are among them."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.minhash import minimum_hashes, normalise_text, numbers_of, shingles_of
from glossator.service.bundle.training_texts import SIGNATURE_BYTES, TrainingTexts

MAX_SIGNED = 200_000
"""At most this many texts have a signature, of 68 bytes. The others are found only if they are the same."""
MIN_EQUAL = 52
"""Near-duplicates have this many equal values of 64 in their signatures: an estimated similarity of 0.81."""
MIN_EQUAL_HELD_OUT = 60
"""The same for rows that training held out. Its split kept near-duplicates on one side by their exact similarity; an
estimate must not contradict it."""
_CHUNK_TEXTS = 2_000
_BAND_BYTES = 4
_MAX_CANDIDATES = 256
"""Each text is compared with at most this many training texts that share a band with it."""


@dataclass(frozen=True, slots=True)
class SeenRows:
    """The rows whose texts are training texts: `same` except for case and white space, or `near`-duplicates."""

    same: tuple[int, ...] = ()
    near: tuple[int, ...] = ()

    @property
    def rows(self) -> list[int]:
        """All these rows, ascending."""
        return sorted((*self.same, *self.near))


def record_texts(texts: Iterable[str], *, max_signed: int = MAX_SIGNED) -> TrainingTexts:
    """Return the hashes of all texts, and the signatures of at most `max_signed` of them, a random sample."""
    by_hash = {_hash(text): text for text in texts}
    hashes = np.array(sorted(by_hash), dtype=np.uint64)
    signed = [by_hash[int(each)] for each in hashes[:max_signed]]
    return TrainingTexts(hashes, _number_keys(signed), sign_texts(signed))


def find_seen_rows(known: TrainingTexts, texts: Sequence[str], *, min_equal: int = MIN_EQUAL) -> SeenRows:
    """Return the rows whose texts are among the training texts.

    `min_equal`: how many values of two signatures must be equal for a near-duplicate.
    """
    hashes = np.array([_hash(text) for text in texts], dtype=np.uint64)
    same = np.isin(hashes, known.hashes)
    others = np.flatnonzero(~same)
    near = _near_rows(known, [texts[row] for row in others.tolist()], min_equal)
    return SeenRows(tuple(np.flatnonzero(same).tolist()), tuple(others[near].tolist()))


def sign_texts(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Return the lowest byte of each value of the MinHash signature of each text, `(texts, SIGNATURE_BYTES)`."""
    signatures = np.empty((len(texts), SIGNATURE_BYTES), dtype=np.uint8)
    for begin in range(0, len(texts), _CHUNK_TEXTS):
        chunk = texts[begin : begin + _CHUNK_TEXTS]
        signatures[begin : begin + len(chunk)] = minimum_hashes(*shingles_of(chunk)) & np.uint32(0xFF)
    return signatures


def _hash(text: str) -> int:
    digest = hashlib.sha256(normalise_text(text).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")


def _number_keys(texts: Sequence[str]) -> NDArray[np.uint32]:
    """Return a key of the numbers in each text, `(texts,)`."""
    return np.array([zlib.crc32(" ".join(numbers_of(text)).encode("utf-8")) for text in texts], dtype=np.uint32)


def _near_rows(known: TrainingTexts, texts: Sequence[str], min_equal: int) -> NDArray[np.bool_]:
    """Return which texts are near-duplicates of a signed training text, `(texts,)`."""
    signatures, numbers = sign_texts(texts), _number_keys(texts)
    bands = signatures.view(np.uint32)  # (texts, bands)
    found = np.zeros(len(texts), dtype=bool)
    known_bands = np.ascontiguousarray(known.signatures).view(np.uint32)
    for band in range(SIGNATURE_BYTES // _BAND_BYTES):
        order = np.argsort(known_bands[:, band], kind="stable")
        ordered = known_bands[order, band]
        begin = np.searchsorted(ordered, bands[:, band], side="left")
        end = np.searchsorted(ordered, bands[:, band], side="right")
        for row in np.flatnonzero((end > begin) & ~found).tolist():
            others = order[begin[row] : min(end[row], begin[row] + _MAX_CANDIDATES)]
            equal = (known.signatures[others] == signatures[row]).sum(axis=1)
            found[row] = bool(((equal >= min_equal) & (known.numbers[others] == numbers[row])).any())
    return found

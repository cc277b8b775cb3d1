"""MinHash signatures of texts (Broder 1997), and the normal form in which texts are compared.

A text is compared as the set of its shingles: runs of three characters, without case, white space and punctuation. The
share of equal values in the signatures of two texts estimates the Jaccard similarity of their shingles.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PERMUTATIONS = 64
"""Values of a signature."""
_GENERATOR = np.random.default_rng(7)
_FACTORS = _GENERATOR.integers(1, 2**63, size=PERMUTATIONS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_TERMS = _GENERATOR.integers(0, 2**63, size=PERMUTATIONS, dtype=np.uint64)
_NUMBER = re.compile(r"\d+")
_SEPARATORS = re.compile(r"[\W_]+")


def normalise_text(text: str) -> str:
    """The text without differences of case and white space.

    >>> normalise_text(" Where is\\n my CARD? ")
    'where is my card?'
    """
    return " ".join(text.casefold().split())


def numbers_of(text: str) -> tuple[str, ...]:
    """Return the numbers in a text, in their order: texts with different numbers are no near-duplicates.

    >>> numbers_of("orders 17 and 18")
    ('17', '18')
    """
    return tuple(_NUMBER.findall(text))


def shingles_of(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the shingles of all texts as numbers, `(shingles,)`, and where those of each text begin, `(texts,)`."""
    plain = [_plain(text) for text in texts]
    points = np.frombuffer("".join(plain).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    begins = np.cumsum([0, *map(len, plain[:-1])])
    found = (points[:-2] << np.uint64(42)) ^ (points[1:-1] << np.uint64(21)) ^ points[2:]  # 21 bits per code point
    inside = np.ones(len(found), dtype=bool)
    inside[begins[1:] - 1] = inside[begins[1:] - 2] = False  # these shingles span two texts
    return found[inside], begins - 2 * np.arange(len(begins))


def minimum_hashes(shingles: NDArray[np.uint64], begins: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return the MinHash of each text, `(texts, permutations)`.

    It is the smallest value of each hash function over its shingles. Two texts have an equal value with the probability
    that is their Jaccard similarity.
    """
    found = np.empty((len(begins), PERMUTATIONS), dtype=np.uint32)
    for index, (factor, term) in enumerate(zip(_FACTORS, _TERMS, strict=True)):
        found[:, index] = np.minimum.reduceat((shingles * factor + term) >> np.uint64(32), begins)
    return found


def _plain(text: str) -> str:
    """Return the text in lower case with single spaces for white space and punctuation, and a space at each end."""
    plain = _SEPARATORS.sub(" ", text.casefold()).strip()
    return f" {plain} " if plain else " . "

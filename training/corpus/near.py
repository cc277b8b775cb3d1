"""Texts that are nearly the same: MinHash finds who may be alike (Broder 1997), the share of common parts decides.

A text's parts are its runs of three characters, case, white space and punctuation left out of account. Two texts are
near duplicates where at least NEAR of the parts of both together are common (Jaccard) and their numbers are the same:
two orders differ though their words do not. Near is passed on, so that groups are parts of a graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

NEAR = 0.8
_PERMUTATIONS = 64
_BANDS = 16
"""Sixteen bands of four: of pairs with 0.8 in common, all but 2 in 10,000 meet in a band; with 0.5, a third does."""
_SLACK = 0.2
"""Pairs whose signatures agree in so much less than NEAR are not looked at: three standard errors."""
_CHUNK = 2_000
_GENERATOR = np.random.default_rng(7)
_FACTORS = _GENERATOR.integers(1, 2**63, size=_PERMUTATIONS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_TERMS = _GENERATOR.integers(0, 2**63, size=_PERMUTATIONS, dtype=np.uint64)
_CANDIDATES = 64
"""Texts of one bucket that a new one is held against, at most: work stays in proportion to the rows."""
_NUMBER = re.compile(r"\d+")
_SPACE = re.compile(r"[\W_]+")


def normalise_text(text: str) -> str:
    """What two copies of one text share: case and white space do not count.

    >>> normalise_text(" Where is\\n my CARD? ")
    'where is my card?'
    """
    return " ".join(text.casefold().split())


def near_groups(texts: Sequence[str], *, near: float = NEAR) -> list[int]:
    """For each text the place of the first one of its group; a text that is like no other has its own place.

    Texts that differ in case and white space alone are always of one group.
    """
    first: dict[str, int] = {}
    parent = [first.setdefault(normalise_text(text), place) for place, text in enumerate(texts)]
    kept = [first[text] for text in sorted(first)]  # whatever the order of the rows
    signatures = np.empty((len(kept), _PERMUTATIONS), dtype=np.uint32)
    for begin in range(0, len(kept), _CHUNK):
        signatures[begin : begin + _CHUNK] = _signatures([texts[place] for place in kept[begin : begin + _CHUNK]])
    for band in np.split(np.arange(_PERMUTATIONS), _BANDS):
        for numbers in _alike_in(signatures[:, band]):
            _join_alike(numbers, texts, kept, signatures, parent, near)
    return [_root(parent, place) for place in range(len(texts))]


def parts_of(text: str) -> set[str]:
    """The runs of three characters of a text.

    >>> sorted(parts_of("To, go!"))
    [' go', ' to', 'go ', 'o g', 'to ']
    """
    plain = _plain(text)
    return {plain[start : start + 3] for start in range(len(plain) - 2)}


def _alike_in(band: NDArray[np.uint32]) -> Iterator[list[int]]:
    """The rows of `(rows, columns)` that are equal, two or more at a time, each in rising order."""
    order = np.lexsort(band.T)
    ordered = band[order]
    cuts = np.flatnonzero((ordered[1:] != ordered[:-1]).any(axis=1)) + 1
    begins, ends = np.append(0, cuts), np.append(cuts, len(order))
    for begin, end in zip(begins[ends - begins > 1].tolist(), ends[ends - begins > 1].tolist(), strict=True):
        yield order[begin:end].tolist()


def _join_alike(
    numbers: Sequence[int],
    texts: Sequence[str],
    kept: Sequence[int],
    signatures: NDArray[np.uint32],
    parent: list[int],
    near: float,
) -> None:
    """Joins those of some candidates that are near. One of those that are alike stands for them: a thousand copies are
    not compared with one another."""
    standing: list[int] = []
    for number in numbers:
        place = kept[number]
        apart = [other for other in standing if _root(parent, kept[other]) != _root(parent, place)]
        joined = len(apart) < len(standing)
        if apart:
            agreed = np.count_nonzero(signatures[apart] == signatures[number], axis=1)  # (apart,)
            likely = np.flatnonzero(agreed >= (near - _SLACK) * _PERMUTATIONS).tolist()
            own = parts_of(texts[place]) if likely else set()
            for other in (apart[index] for index in likely):
                theirs = texts[kept[other]]
                if likeness(own, parts_of(theirs)) >= near and _NUMBER.findall(texts[place]) == _NUMBER.findall(theirs):
                    _join(parent, place, kept[other])
                    joined = True
        if not joined and len(standing) < _CANDIDATES:
            standing.append(number)


def likeness(ours: set[str], theirs: set[str]) -> float:
    """The share of the parts of both that are common (Jaccard)."""
    common = len(ours & theirs)
    return common / (len(ours) + len(theirs) - common)


def _signatures(texts: Sequence[str]) -> NDArray[np.uint32]:
    """The MinHash of each text, `(texts, permutations)`: for each of many hash functions the least value over the runs
    of three characters. Two texts share each with the probability that is their likeness."""
    plain = [_plain(text) for text in texts]
    points = np.frombuffer("".join(plain).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    begins = np.cumsum([0, *map(len, plain[:-1])])
    runs = (points[:-2] << np.uint64(42)) ^ (points[1:-1] << np.uint64(21)) ^ points[2:]  # a code point has 21 bits
    own = np.ones(len(runs), dtype=bool)
    own[begins[1:] - 1] = own[begins[1:] - 2] = False  # these run over into the next text
    runs, begins = runs[own], begins - 2 * np.arange(len(begins))
    found = np.empty((len(texts), _PERMUTATIONS), dtype=np.uint32)
    for place, (factor, term) in enumerate(zip(_FACTORS, _TERMS, strict=True)):
        found[:, place] = np.minimum.reduceat((runs * factor + term) >> np.uint64(32), begins)
    return found


def _plain(text: str) -> str:
    plain = _SPACE.sub(" ", text.casefold()).strip()
    return f" {plain} " if plain else " . "


def _root(parent: list[int], place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place


def _join(parent: list[int], one: int, other: int) -> None:
    low, high = sorted((_root(parent, one), _root(parent, other)))
    parent[high] = low

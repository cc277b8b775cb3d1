"""Texts that are nearly the same: MinHash finds who may be alike (Broder 1997), the share of common parts decides.

A text's parts are its runs of three characters, case, white space and punctuation left out of account. Two texts are
near duplicates where at least NEAR of the parts of both together are common (Jaccard) and their numbers are the same:
two orders differ though their words do not. Near is passed on, so that groups are parts of a graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAR = 0.8
_PERMUTATIONS = 64
_BANDS = 16
"""Sixteen bands of four: of pairs with 0.8 in common, all but 2 in 10,000 meet in a band; with 0.5, a third does."""
_SLACK = 0.15
"""Pairs whose signatures agree in so much less than NEAR are not looked at: three standard errors."""
_CHUNK = 2_000
_PAIRS = 50_000
"""Pairs that are looked at together."""
_GENERATOR = np.random.default_rng(7)
_FACTORS = _GENERATOR.integers(1, 2**63, size=_PERMUTATIONS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_TERMS = _GENERATOR.integers(0, 2**63, size=_PERMUTATIONS, dtype=np.uint64)
_MIX = _GENERATOR.integers(0, 2**63, size=_PERMUTATIONS // _BANDS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_CANDIDATES = 64
"""Texts of one bucket that each is held against, at most: work stays in proportion to the rows."""
_NUMBER = re.compile(r"\d+")
_SPACE = re.compile(r"[\W_]+")

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def normalise_text(text: str) -> str:
    """What two copies of one text share: case and white space do not count.

    >>> normalise_text(" Where is\\n my CARD? ")
    'where is my card?'
    """
    return " ".join(text.casefold().split())


def group_near_duplicates(texts: Sequence[str], *, near: float = NEAR) -> list[int]:
    """For each text the place of the first one of its group; a text that is like no other has its own place.

    Texts that differ in case and white space alone are always of one group.
    """
    of_text = group_same_texts(texts)
    kept = sorted(set(of_text), key=lambda place: normalise_text(texts[place]))  # whatever the order of the rows
    group = np.arange(len(texts))
    group[kept] = _groups([texts[place] for place in kept], np.array(kept, dtype=np.int64), near)
    return [int(place) for place in group[of_text]] if of_text else []


def group_same_texts(texts: Sequence[str]) -> list[int]:
    """For each text the place of the first one that differs from it in case and white space at most."""
    first: dict[str, int] = {}
    return [first.setdefault(normalise_text(text), place) for place, text in enumerate(texts)]


def _groups(texts: Sequence[str], places: NDArray[np.int64], near: float) -> NDArray[np.int64]:
    """For each of some different texts the least of the `places` in its group."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    sketches, parts = _sketched(texts)
    known: dict[tuple[str, ...], int] = {}
    numbers = np.array([known.setdefault(tuple(_NUMBER.findall(text)), len(known)) for text in texts], dtype=np.int64)
    group = np.arange(len(texts))
    edges: list[Pairs] = []
    for band in range(_BANDS):
        for one, other in _meeting(sketches.bands[:, band]):
            apart = (numbers[one] == numbers[other]) & (group[one] != group[other])
            one, other = sketches.alike(one[apart], other[apart], near - _SLACK)
            shared = _likeness(parts, one, other) >= near
            edges.append((one[shared], other[shared]))
        ends = tuple(np.concatenate(side) for side in zip(*edges, strict=True)) if edges else (group[:0], group[:0])
        graph = csr_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(len(texts), len(texts)))
        group = connected_components(graph, directed=False)[1]
    least = np.full(len(texts), np.iinfo(np.int64).max)
    np.minimum.at(least, group, places)
    return least[group]


def _likeness(parts: Any, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """For each pair the share of the parts of both that are common (Jaccard), `(pairs,)`."""
    sizes = np.diff(parts.indptr)
    common = np.diff(parts[one].multiply(parts[other]).tocsr().indptr) if len(one) else sizes[:0]
    return np.asarray(common / (sizes[one] + sizes[other] - common))


def _meeting(keys: NDArray[np.uint64]) -> Iterator[Pairs]:
    """Pairs of texts whose keys are equal, each text with the _CANDIDATES after it, some pairs at a time."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begin = np.arange(len(order))
    for step in range(1, _CANDIDATES + 1):
        begin = begin[begin + step < len(order)]
        begin = begin[ordered[begin] == ordered[begin + step]]
        for start in range(0, len(begin), _PAIRS):
            some = begin[start : start + _PAIRS]
            yield order[some], order[some + step]


@dataclass(frozen=True, slots=True)
class _Sketches:
    """What is kept of the MinHashes of each text: a hash of each band, `(texts, bands)`, and of each value its last
    byte, `(texts, permutations)`: by chance one in 256 agrees."""

    bands: NDArray[np.uint64]
    bytes: NDArray[np.uint8]

    def alike(self, one: NDArray[np.int64], other: NDArray[np.int64], least: float) -> Pairs:
        """Those of the pairs whose values agree in the share `least` or more."""
        agreed = (self.bytes.take(one, axis=0) == self.bytes.take(other, axis=0)).view(np.uint64).sum(axis=1)
        agreed = (agreed * np.uint64(0x0101010101010101)) >> np.uint64(56)  # the sum of the eight bytes
        likely = agreed >= least * _PERMUTATIONS
        return one[likely], other[likely]


def _sketched(texts: Sequence[str]) -> tuple[_Sketches, Any]:
    """The sketches of some texts, and their parts: a sparse matrix `(texts, parts)` whose columns are hashes."""
    from scipy.sparse import csr_array

    bands = np.empty((len(texts), _BANDS), dtype=np.uint64)
    last = np.empty((len(texts), _PERMUTATIONS), dtype=np.uint8)
    columns = np.empty(sum(max(1, len(text.casefold())) for text in texts), dtype=np.int32)  # room for every run
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    for begin in range(0, len(texts), _CHUNK):
        some = slice(begin, begin + _CHUNK)
        runs, begins = _runs(texts[some])
        hashes = _min_hashes(runs, begins)
        last[some] = hashes & np.uint32(0xFF)
        bands[some] = (hashes.reshape(-1, _BANDS, _PERMUTATIONS // _BANDS) * _MIX).sum(axis=2, dtype=np.uint64)
        row = np.repeat(np.arange(len(begins), dtype=np.uint64), np.diff(np.append(begins, len(runs))))
        part = np.sort((row << np.uint64(32)) | ((runs * _MIX[0]) >> np.uint64(33)))
        part = part[np.append(True, part[1:] != part[:-1])]
        counts = np.bincount((part >> np.uint64(32)).astype(np.int64), minlength=len(begins))
        starts[begin + 1 : begin + 1 + len(begins)] = starts[begin] + np.cumsum(counts)
        columns[starts[begin] : starts[begin] + len(part)] = part & np.uint64(0xFFFFFFFF)
    indices = columns[: starts[-1]]
    parts = csr_array((np.ones(len(indices), dtype=np.int8), indices, starts), shape=(len(texts), 2**31 - 1))
    return _Sketches(bands, last), parts


def _runs(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The runs of three characters of each text, one number each, and where those of each text begin."""
    plain = [_plain(text) for text in texts]
    points = np.frombuffer("".join(plain).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    begins = np.cumsum([0, *map(len, plain[:-1])])
    runs = (points[:-2] << np.uint64(42)) ^ (points[1:-1] << np.uint64(21)) ^ points[2:]  # a code point has 21 bits
    own = np.ones(len(runs), dtype=bool)
    own[begins[1:] - 1] = own[begins[1:] - 2] = False  # these run over into the next text
    return runs[own], begins - 2 * np.arange(len(begins))


def _min_hashes(runs: NDArray[np.uint64], begins: NDArray[np.int64]) -> NDArray[np.uint32]:
    """The MinHash of each text, `(texts, permutations)`: for each of many hash functions the least value over its runs.
    Two texts share each with the probability that is their likeness."""
    found = np.empty((len(begins), _PERMUTATIONS), dtype=np.uint32)
    for place, (factor, term) in enumerate(zip(_FACTORS, _TERMS, strict=True)):
        found[:, place] = np.minimum.reduceat((runs * factor + term) >> np.uint64(32), begins)
    return found


def _plain(text: str) -> str:
    plain = _SPACE.sub(" ", text.casefold()).strip()
    return f" {plain} " if plain else " . "

"""Groups texts that are nearly the same: MinHash proposes pairs (Broder 1997), the Jaccard similarity decides.

A text is compared as the set of its shingles: runs of three characters, without case, white space and punctuation. Two
texts are near-duplicates if the Jaccard similarity of their shingles is at least `SIMILARITY` and their numbers are
the same: orders 17 and 18 differ although their words do not. Groups are the connected components of these pairs. Where
a chain of such pairs joins more than `MAX_CHAINED` texts, each text must be a near-duplicate of the first one of its
group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.minhash import PERMUTATIONS, minimum_hashes, normalise_text, numbers_of, shingles_of

SIMILARITY = 0.8
_BANDS = 16
"""16 bands of 4 hashes: pairs with similarity 0.8 share a band except for 2 in 10,000; with 0.5, one in three does."""
MAX_CHAINED = 50
"""More different texts in one group are probably a chain whose ends have little in common."""
_SLACK = 0.15
"""Pairs whose estimated similarity is this much below the threshold are skipped: three standard errors."""
_CHUNK_TEXTS = 2_000
_CHUNK_PAIRS = 50_000
_MAX_NEIGHBOURS = 64
"""Each text of a bucket is compared with at most this many others, so that the work grows linearly with the rows."""
_MIX = np.random.default_rng(7).integers(0, 2**63, size=PERMUTATIONS // _BANDS, dtype=np.uint64) * np.uint64(2)
_MIX += np.uint64(1)

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Pairs of indices, `(pairs,)` each."""


def group_near_duplicates(texts: Sequence[str], *, similarity: float = SIMILARITY) -> list[int]:
    """For each text the index of the first text of its group; a text without near-duplicates has its own index.

    Texts that differ only in case and white space are always in one group.
    """
    of_text = group_same_texts(texts)
    # Sorted, so that the groups do not depend on the order of the rows.
    distinct = sorted(set(of_text), key=lambda index: normalise_text(texts[index]))
    group = np.arange(len(texts))
    group[distinct] = _group([texts[index] for index in distinct], np.array(distinct, dtype=np.int64), similarity)
    return [int(index) for index in group[of_text]] if of_text else []


def group_same_texts(texts: Sequence[str]) -> list[int]:
    """For each text the index of the first text that is the same except for case and white space."""
    first: dict[str, int] = {}
    return [first.setdefault(normalise_text(text), index) for index, text in enumerate(texts)]


def _group(texts: Sequence[str], indices: NDArray[np.int64], similarity: float) -> NDArray[np.int64]:
    """For each of some distinct texts the smallest of the `indices` in its group, `(texts,)`."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    signatures, shingles = _min_hash(texts)
    known: dict[tuple[str, ...], int] = {}
    numbers = np.array([known.setdefault(numbers_of(text), len(known)) for text in texts], dtype=np.int64)
    group = np.arange(len(texts))
    edges: list[Pairs] = []
    for band in range(_BANDS):
        for one, other in _pairs_with_equal_keys(signatures.bands[:, band]):
            undecided = (numbers[one] == numbers[other]) & (group[one] != group[other])
            one, other = signatures.similar_pairs(one[undecided], other[undecided], similarity - _SLACK)
            near = _jaccard(shingles, one, other) >= similarity
            edges.append((one[near], other[near]))
        ends = tuple(np.concatenate(side) for side in zip(*edges, strict=True)) if edges else (group[:0], group[:0])
        graph = csr_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(len(texts), len(texts)))
        group = connected_components(graph, directed=False)[1]
    group = _cut_chains(group, shingles, numbers, similarity)
    smallest = np.full(len(texts), np.iinfo(np.int64).max)
    np.minimum.at(smallest, group, indices)
    return smallest[group]


def _cut_chains(
    group: NDArray[np.int64], shingles: Any, numbers: NDArray[np.int64], similarity: float
) -> NDArray[np.int64]:
    """Divide each group of more than `MAX_CHAINED` texts.

    The first text leads a group of its near-duplicates, the first of the others leads the next one, and so on.
    """
    group = group.astype(np.int64)
    sizes = np.bincount(group)
    for large in np.flatnonzero(sizes > MAX_CHAINED).tolist():
        left = np.flatnonzero(group == large)
        while len(left):
            near = (_jaccard(shingles, np.full(len(left), left[0]), left) >= similarity) & (
                numbers[left] == numbers[left[0]]
            )
            near[0] = True
            group[left[near]] = len(sizes) + left[0]
            left = left[~near]
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def _jaccard(shingles: Any, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """The Jaccard similarity of each pair, `(pairs,)`."""
    sizes = np.diff(shingles.indptr)
    common = np.diff(shingles[one].multiply(shingles[other]).tocsr().indptr) if len(one) else sizes[:0]
    return np.asarray(common / (sizes[one] + sizes[other] - common))


def _pairs_with_equal_keys(keys: NDArray[np.uint64]) -> Iterator[Pairs]:
    """Pairs of texts with equal keys, each text with the next `_MAX_NEIGHBOURS`; at most `_CHUNK_PAIRS` at a time."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begin = np.arange(len(order))
    for step in range(1, _MAX_NEIGHBOURS + 1):
        begin = begin[begin + step < len(order)]
        begin = begin[ordered[begin] == ordered[begin + step]]
        for start in range(0, len(begin), _CHUNK_PAIRS):
            chunk = begin[start : start + _CHUNK_PAIRS]
            yield order[chunk], order[chunk + step]


@dataclass(frozen=True, slots=True)
class _Signatures:
    """The MinHash signatures of the texts: one hash per band, `(texts, bands)`, and the last byte of each hash,
    `(texts, permutations)`. Two unrelated bytes are equal once in 256 times."""

    bands: NDArray[np.uint64]
    bytes: NDArray[np.uint8]

    def similar_pairs(self, one: NDArray[np.int64], other: NDArray[np.int64], minimum: float) -> Pairs:
        """The pairs whose estimated similarity is at least `minimum`."""
        equal = (self.bytes.take(one, axis=0) == self.bytes.take(other, axis=0)).view(np.uint64).sum(axis=1)
        equal = (equal * np.uint64(0x0101010101010101)) >> np.uint64(56)  # the sum of the eight bytes
        likely = equal >= minimum * PERMUTATIONS
        return one[likely], other[likely]


def _min_hash(texts: Sequence[str]) -> tuple[_Signatures, Any]:
    """The signatures of texts, and their shingles: a sparse matrix `(texts, shingles)` whose columns are hashes."""
    from scipy.sparse import csr_array

    bands = np.empty((len(texts), _BANDS), dtype=np.uint64)
    last_bytes = np.empty((len(texts), PERMUTATIONS), dtype=np.uint8)
    columns = np.empty(sum(max(1, len(text.casefold())) for text in texts), dtype=np.int32)  # room for every shingle
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    for begin in range(0, len(texts), _CHUNK_TEXTS):
        chunk = slice(begin, begin + _CHUNK_TEXTS)
        shingles, begins = shingles_of(texts[chunk])
        hashes = minimum_hashes(shingles, begins)
        last_bytes[chunk] = hashes & np.uint32(0xFF)
        bands[chunk] = (hashes.reshape(-1, _BANDS, PERMUTATIONS // _BANDS) * _MIX).sum(axis=2, dtype=np.uint64)
        row = np.repeat(np.arange(len(begins), dtype=np.uint64), np.diff(np.append(begins, len(shingles))))
        entry = np.sort((row << np.uint64(32)) | ((shingles * _MIX[0]) >> np.uint64(33)))
        entry = entry[np.append(True, entry[1:] != entry[:-1])]
        counts = np.bincount((entry >> np.uint64(32)).astype(np.int64), minlength=len(begins))
        starts[begin + 1 : begin + 1 + len(begins)] = starts[begin] + np.cumsum(counts)
        columns[starts[begin] : starts[begin] + len(entry)] = entry & np.uint64(0xFFFFFFFF)
    indices = columns[: starts[-1]]
    matrix = csr_array((np.ones(len(indices), dtype=np.int8), indices, starts), shape=(len(texts), 2**31 - 1))
    return _Signatures(bands, last_bytes), matrix

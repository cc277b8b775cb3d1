"""Splits a corpus into training, validation and test rows: stratified and seeded, no text on two sides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from glossator.service.errors import ConfigError, CorpusError, Fault
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.findings.near_duplicates import group_near_duplicates, normalise_text
from glossator.training.corpus.splitting.stratify import Group, stratify
from glossator.training.corpus.splitting.timestamps import parse_times


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The row indices of each side, ascending, `(rows,)` each. Every row is on exactly one side."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split(
    corpus: Corpus,
    *,
    validation_share: float,
    seed: int,
    test_share: float = 0.0,
    group_by: str | None = None,
    order_by: str | None = None,
) -> Split:
    """Split so that each label has its share of rows on each side, and at least one row in `train`.

    Near-duplicates stay on one side. The side of a row depends on the seed and the texts only, through a hash: not on
    the order of the rows, the platform or library versions.

    Args:
        corpus: The rows to split.
        validation_share: From 0 up to 1.
        seed: Decides the side of each row.
        test_share: From 0 up to 1.
        group_by: A column of `corpus.extra`; rows with the same value stay on one side.
        order_by: A column of times in `corpus.extra`. If given, `seed` and `group_by` are not used: the earliest rows
            are training rows, the next ones validation rows, the latest ones test rows. Rows with the same time stay
            on one side, and near-duplicates stay with their earliest row.

    Raises:
        ConfigError: The shares leave no training rows.
        CorpusError: A requested side would be empty, or a time cannot be read.
    """
    _check_shares(validation_share, test_share)
    if order_by is not None:
        side = _sides_by_time(corpus, order_by, validation_share, test_share)
        return _split_of(corpus, side, len(set(side.tolist())), validation_share, test_share)
    groups = _shuffled_groups(corpus.split_keys(), seed, corpus.extra[group_by] if group_by is not None else None)
    numbers = {name: number for number, name in enumerate(corpus.label_names)}
    counted = []
    for rows in groups:
        labels: dict[int, int] = {}
        for name in chain.from_iterable(corpus.labels[row] for row in rows):
            labels[numbers[name]] = labels.get(numbers[name], 0) + 1
        counted.append(Group(len(rows), labels))
    shares = (1.0 - validation_share - test_share, validation_share, test_share)
    subset = stratify(counted, len(numbers), shares)
    side = np.empty(len(corpus), dtype=np.int64)  # (rows,)
    for rows, number in zip(groups, subset, strict=True):
        side[rows] = number
    return _split_of(corpus, side, len(groups), validation_share, test_share)


def _split_of(
    corpus: Corpus, side: NDArray[np.int64], groups: int, validation_share: float, test_share: float
) -> Split:
    """The rows of each side, from the side of each row, `(rows,)`: 0 for training, 1 for validation, 2 for test.

    Raises CorpusError if a requested side is empty.
    """
    train, validation, test = (np.flatnonzero(side == number) for number in range(3))
    empty = [
        Fault(f"no-{name}-rows", f"a share of {share:g} of {groups} groups of texts is no whole group")
        for name, share, rows in (("validation", validation_share, validation), ("test", test_share, test))
        if share > 0 and not len(rows)
    ]
    if empty or not len(train):
        raise CorpusError(
            f"{corpus.source_name} has too few rows to split",
            found=f"{len(corpus)} rows, {len(corpus.label_names)} labels",
            hint="Add rows, increase the share, or give a file of validation rows.",
            faults=empty,
        )
    return Split(train, validation, test)


def _merge_groups(groups: Sequence[int], values: Sequence[str]) -> list[int]:
    """For each row its group after rows with the same value were joined; empty values join nothing."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    first: dict[str, int] = {}
    same = [first.setdefault(value, row) if value else row for row, value in enumerate(values)]
    rows = np.arange(len(groups))
    ends = (np.concatenate([rows, rows]), np.concatenate([groups, same]))
    graph = csr_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(len(rows), len(rows)))
    return [int(number) for number in connected_components(graph, directed=False)[1]]


def _check_shares(validation_share: float, test_share: float) -> None:
    shares = {"validation_share": validation_share, "test_share": test_share}
    found = [
        Fault("share", f"{value!r} is not between 0 and 1 (1 excluded)", name)
        for name, value in shares.items()
        if not 0.0 <= value < 1.0
    ]
    if not found and validation_share + test_share >= 1.0:
        found.append(Fault("share", f"{validation_share + test_share:g} of the rows leave no training rows"))
    if found:
        raise ConfigError("the corpus cannot be split into these shares", faults=found)


def _sides_by_time(corpus: Corpus, column: str, validation_share: float, test_share: float) -> NDArray[np.int64]:
    """The side of each row by its time, `(rows,)`: 0 for training, 1 for validation, 2 for test."""
    times = parse_times(corpus.extra[column], column, corpus.lines)
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    cuts = [len(times) * (1.0 - validation_share - test_share), len(times) * (1.0 - test_share)]
    # A cut is moved to the first row of its time, so that rows of one time are on one side.
    begins = [np.searchsorted(ordered, ordered[min(round(cut), len(times) - 1)]) for cut in cuts]
    begins = [begin if round(cut) < len(times) else len(times) for begin, cut in zip(begins, cuts, strict=True)]
    side = np.empty(len(times), dtype=np.int64)
    side[order] = np.searchsorted(begins, np.arange(len(times)), side="right")
    first: dict[int, int] = {}
    groups = group_near_duplicates(corpus.split_keys())
    for row in order.tolist():
        side[row] = first.setdefault(groups[row], int(side[row]))
    return side


def _shuffled_groups(texts: Sequence[str], seed: int, values: Sequence[str] | None = None) -> list[list[int]]:
    """The rows of each group of near-duplicates or equal `values`, in an order that only seed and texts decide."""
    rows_of: dict[int, list[int]] = {}
    near = group_near_duplicates(texts)
    for row, group in enumerate(near if values is None else _merge_groups(near, values)):
        rows_of.setdefault(group, []).append(row)
    salt = f"{seed}\n".encode("ascii")

    def order(rows: list[int]) -> bytes:
        first = min(normalise_text(texts[row]) for row in rows)
        return hashlib.sha256(salt + first.encode("utf-8", "surrogatepass")).digest()

    return sorted(rows_of.values(), key=order)

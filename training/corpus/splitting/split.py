"""Splits a corpus into training, validation and test rows: stratified and seeded, no text on two sides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.minhash import normalise_text
from glossator.service.errors import ConfigError, CorpusError, Fault, shorten
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.findings.near_duplicates import group_near_duplicates
from glossator.training.corpus.splitting.groups import RowGroups, group_rows
from glossator.training.corpus.splitting.stratify import Group, stratify
from glossator.training.corpus.splitting.timestamps import parse_times


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The row indices of each side, ascending, `(rows,)` each. Every row is on exactly one side.

    `groups`: the rows that were kept on one side.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    groups: RowGroups


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
        group_by: A column of `corpus.extra`; rows with the same value stay on one side. Near-duplicates with different
            values stay on one side too, except for boilerplate (`groups.py`).
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
        return _split_of(corpus, side, RowGroups(side.tolist(), order_by), validation_share, test_share)
    keys = corpus.split_keys()
    found = group_rows(keys, group_by, () if group_by is None else corpus.extra[group_by])
    groups = _shuffle(found.members(), keys, seed)
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
    return _split_of(corpus, side, found, validation_share, test_share)


def _split_of(
    corpus: Corpus, side: NDArray[np.int64], groups: RowGroups, validation_share: float, test_share: float
) -> Split:
    """The rows of each side, from the side of each row, `(rows,)`: 0 for training, 1 for validation, 2 for test.

    Raises CorpusError if a requested side is empty.
    """
    train, validation, test = (np.flatnonzero(side == number) for number in range(3))
    wanted = (("validation", validation_share, validation), ("test", test_share, test))
    empty = [
        Fault(f"no-{name}-rows", f"no group of rows is left for a share of {share:g}")
        for name, share, rows in wanted
        if share > 0 and not len(rows)
    ]
    if empty or not len(train):
        raise _cannot_split(corpus, groups, empty)
    return Split(train, validation, test, groups)


def _cannot_split(corpus: Corpus, groups: RowGroups, faults: list[Fault]) -> CorpusError:
    """The error of a corpus that cannot be split: it names the cause, and the largest group."""
    members = groups.members()
    largest = max(members, key=len)
    if len(members) == len(corpus):
        return CorpusError(
            f"{corpus.source_name} has too few rows to split",
            found=f"{len(corpus):,} rows, {len(corpus.label_names)} labels",
            hint="Add rows, increase the share, or give files of validation and test rows (--validation, --test).",
            faults=faults,
        )
    alike = "nearly the same text" if groups.column is None else f"equal '{groups.column}' or nearly the same text"
    value = "" if groups.column is None else corpus.extra[groups.column][largest[0]]
    named = f"'{shorten(value, 40)}'" if value else "it"
    example = shorten(corpus.texts[largest[0]], 60)
    faults = [
        *faults,
        Fault("largest-group", f"{named} has {len(largest):,} of {len(corpus):,} rows, such as '{example}'"),
    ]
    another = "" if groups.column is None else ", or another --group-column"
    return CorpusError(
        f"{corpus.source_name} has too few groups of rows to split",
        found=f"{len(corpus):,} rows in {len(members):,} groups of rows with {alike}",
        hint=f"Give files of validation and test rows (--validation, --test){another}.",
        faults=faults,
    )


def _check_shares(validation_share: float, test_share: float) -> None:
    shares = {"validation_share": validation_share, "test_share": test_share}
    found = [
        Fault("share", f"{value} is not between 0 and 1 (1 excluded)", name)
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


def _shuffle(groups: list[list[int]], texts: Sequence[str], seed: int) -> list[list[int]]:
    """The groups in an order that only seed and texts decide."""
    salt = f"{seed}\n".encode("ascii")

    def order(rows: list[int]) -> bytes:
        first = min(normalise_text(texts[row]) for row in rows)
        return hashlib.sha256(salt + first.encode("utf-8", "surrogatepass")).digest()

    return sorted(groups, key=order)

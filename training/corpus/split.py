"""A corpus into training, validation and test rows: stratified, seeded, no text on two sides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from service.errors import ConfigError, CorpusError, Fault
from training.corpus.corpus import Corpus
from training.corpus.near import near_groups, normalise_text
from training.corpus.stratify import Group, stratify


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row indices of each side, ascending, each `(rows,)`. Together they are all rows, each once."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split(corpus: Corpus, *, validation_share: float, seed: int, test_share: float = 0.0) -> Split:
    """The corpus split so that each label has its share on each side, and at least one row in `train`.

    Rows whose texts are nearly the same stay together (`near_groups`). Chance comes from a hash of seed and text:
    which side a row falls on depends on neither the platform, the library versions nor the order of the rows.
    Raises ConfigError for shares that leave nothing to train on, and CorpusError where a side that was asked for would
    be empty.
    """
    _check_shares(validation_share, test_share)
    groups = _shuffled_groups(corpus.groups(), seed)
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
    for rows, where in zip(groups, subset, strict=True):
        side[rows] = where
    train, validation, test = (np.flatnonzero(side == where) for where in range(3))
    empty = [
        Fault(f"no-{name}-rows", f"a share of {share:g} of {len(groups)} different texts gives none")
        for name, share, rows in (("validation", validation_share, validation), ("test", test_share, test))
        if share > 0 and not len(rows)
    ]
    if empty or not len(train):
        raise CorpusError(
            f"{corpus.source_name} has too few rows to split",
            found=f"{len(corpus)} rows, {len(numbers)} labels",
            way_out="Add rows, raise the share, or give a file of validation rows.",
            faults=empty,
        )
    return Split(train, validation, test)


def _check_shares(validation_share: float, test_share: float) -> None:
    shares = {"validation_share": validation_share, "test_share": test_share}
    found = [
        Fault("share", f"{value!r} is not from 0 up to 1", name)
        for name, value in shares.items()
        if not 0.0 <= value < 1.0
    ]
    if not found and validation_share + test_share >= 1.0:
        found.append(Fault("share", f"{validation_share + test_share:g} of the rows leave none to train on"))
    if found:
        raise ConfigError("the corpus cannot be split in these shares", faults=found)


def _shuffled_groups(texts: Sequence[str], seed: int) -> list[list[int]]:
    """The rows of each group of near duplicates, the groups in an order that only seed and texts decide."""
    rows_of: dict[int, list[int]] = {}
    for row, group in enumerate(near_groups(texts)):
        rows_of.setdefault(group, []).append(row)
    salt = f"{seed}\n".encode("ascii")

    def chance(rows: list[int]) -> bytes:
        least = min(normalise_text(texts[row]) for row in rows)
        return hashlib.sha256(salt + least.encode("utf-8", "surrogatepass")).digest()

    return sorted(rows_of.values(), key=chance)

"""Groups of rows that stay on one side of a split: near-duplicates, and rows with the same value of a column.

Rows with the same value are one group. A text that occurs with several values joins their groups, unless it is
boilerplate: a short text, or one that occurs with many values ("Thanks!" of forty customers). Groups that texts join
hold at most a tenth of the rows: a chain of such texts does not merge everything into one group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from glossator.modeling.minhash import normalise_text
from glossator.service.documents.column_names import DOCUMENT_COLUMN
from glossator.service.errors import shorten
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.findings.near_duplicates import group_near_duplicates

SHORT_WORDS = 4
SHORT_CHARACTERS = 30
"""Texts with fewer words, or fewer characters, are boilerplate if they occur with several values."""
MAX_VALUES = 3
"""A text that occurs with more values is boilerplate."""
MAX_JOINED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class RowGroups:
    """The group of each row, and how the groups came about.

    `values`: distinct values of the column. `unjoined`: the first row of each text that occurs with several values and
    does not join them.
    """

    of_row: list[int]
    column: str | None = None
    values: int = 0
    unjoined: tuple[int, ...] = ()

    def members(self) -> list[list[int]]:
        """The rows of each group, in the order of the rows."""
        rows_of: dict[int, list[int]] = {}
        for row, group in enumerate(self.of_row):
            rows_of.setdefault(group, []).append(row)
        return list(rows_of.values())

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields: what the rows are grouped by, and how many groups there are."""
        members = self.members()
        return {
            "by": self.column or "near-duplicates",
            "groups": len(members),
            "largest": max(map(len, members), default=0),
            "values": self.values,
            "texts_with_several_values": len(self.unjoined),
        }


def describe_groups(groups: RowGroups, corpus: Corpus) -> str:
    """One line about what was kept on one side of the split."""
    members = groups.members()
    largest = max(map(len, members), default=0)
    if groups.column is None:
        return f"split by texts: near-duplicates are on one side ({len(members):,} groups, of up to {largest:,} rows)"
    unit = "documents" if groups.column == DOCUMENT_COLUMN else f"values of '{groups.column}'"
    line = f"split by {groups.values:,} {unit}, in {len(members):,} groups; the largest has {largest:,} rows"
    if groups.unjoined:
        examples = ", ".join(f"'{shorten(corpus.texts[row], 40)}'" for row in groups.unjoined[:3])
        line += (
            f". {len(groups.unjoined):,} short or frequent texts occur with several of them and may be on several "
            f"sides, such as {examples}"
        )
    return line


def group_rows(keys: Sequence[str], column: str | None = None, values: Sequence[str] = ()) -> RowGroups:
    """Group rows by their keys, which are texts, and by the `values` of a column; empty values join nothing."""
    near = group_near_duplicates(keys)
    if column is None:
        return RowGroups(near)
    joined = _JoinedGroups(len(keys))
    first: dict[str, int] = {}
    for row, value in enumerate(values):
        if value:
            joined.join(row, first.setdefault(value, row))
    rows_of: dict[int, list[int]] = {}
    for row, group in enumerate(near):
        rows_of.setdefault(group, []).append(row)
    room = max(2, int(MAX_JOINED_SHARE * len(keys)))
    unjoined = []
    # In an order that does not depend on that of the rows.
    for rows in sorted(rows_of.values(), key=lambda rows: (len(rows), min(normalise_text(keys[row]) for row in rows))):
        owners = list(dict.fromkeys(first[values[row]] if values[row] else row for row in rows))
        named = [owner for owner in owners if values[owner]]
        if len(named) < 2:
            for owner in owners:
                joined.join(owner, rows[0])
            continue
        without = [owner for owner in owners if not values[owner]]
        for owner in without:
            joined.join(owner, without[0])
        if _is_boilerplate(keys[rows[0]], len(named)) or joined.size_of(owners) > room:
            unjoined.append(rows[0])
        else:
            for owner in owners:
                joined.join(owner, owners[0])
    of_row = [joined.find(row) for row in range(len(keys))]
    return RowGroups(of_row, column, len(first), tuple(sorted(unjoined)))


def _is_boilerplate(text: str, values: int) -> bool:
    return values > MAX_VALUES or len(text.split()) < SHORT_WORDS or len(text.strip()) < SHORT_CHARACTERS


class _JoinedGroups:
    """Disjoint sets of rows."""

    def __init__(self, rows: int) -> None:
        self._parent = list(range(rows))
        self._size = [1] * rows

    def find(self, row: int) -> int:
        """The first row of the group of a row."""
        root = row
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[row] != root:
            self._parent[row], row = root, self._parent[row]
        return root

    def join(self, one: int, other: int) -> None:
        """Join the groups of two rows."""
        first, second = sorted((self.find(one), self.find(other)))
        if first != second:
            self._parent[second] = first
            self._size[first] += self._size[second]

    def size_of(self, rows: Sequence[int]) -> int:
        """The rows of all groups of some rows together."""
        return sum(self._size[root] for root in {self.find(row) for row in rows})

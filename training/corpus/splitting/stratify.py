"""Iterative stratification: subsets in which every label has its share of rows.

The algorithm is that of Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data" (ECML PKDD 2011):
the label with the fewest rows left goes first, and each of its rows goes where that label is wanted most. Two changes:

- What is placed is a group of rows that must stay together (copies of one text), the largest groups of a label first.
- The rows wanted of a label are whole numbers that add up over all labels (largest remainder). With 0.4 rows wanted of
  each of 150 small classes, rounding one by one would leave a subset empty.

With one label a row it is plain stratified sampling: every class gets what it wants exactly, if no copies prevent it.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that stay together: how many, and how many of them carry each label (by its number)."""

    rows: int
    labels: Mapping[int, int]


def stratify(groups: Sequence[Group], labels: int, shares: Sequence[float]) -> list[int]:
    """The subset of each group, as an index into `shares`. Subset 0 is the one that training uses: each of the
    `labels` labels has a row there, if it has any.

    The order of `groups` settles equals, so the caller shuffles. Nothing here is random.
    """
    left = [0] * labels
    members: list[list[int]] = [[] for _ in range(labels)]
    for index, group in enumerate(groups):
        for label, rows in group.labels.items():
            left[label] += rows
            members[label].append(index)
    wanted = wanted_rows(left, shares)
    room = [share * sum(group.rows for group in groups) for share in shares]
    subset = [-1] * len(groups)

    rarest = [(rows, label) for label, rows in enumerate(left)]
    heapq.heapify(rarest)
    while rarest:
        rows, label = heapq.heappop(rarest)
        if rows != left[label]:
            continue  # an entry from before more rows of this label were placed
        for index in sorted(members[label], key=lambda index: -groups[index].rows):
            if subset[index] >= 0:
                continue
            needs = wanted[label]
            where = max(range(len(shares)), key=lambda where: (needs[where], room[where]))
            subset[index] = where
            room[where] -= groups[index].rows
            for other, rows in groups[index].labels.items():
                wanted[other][where] -= rows
                left[other] -= rows
                if other != label:
                    heapq.heappush(rarest, (left[other], other))
    for index, group in enumerate(groups):
        if subset[index] < 0:  # no row of the group carries a label
            subset[index] = max(range(len(shares)), key=room.__getitem__)
            room[subset[index]] -= group.rows
    _give_training_every_label(groups, members, subset)
    return subset


def wanted_rows(totals: Sequence[int], shares: Sequence[float]) -> list[list[int]]:
    """How many of the `totals[label]` rows each subset wants, `(labels, shares)`: whole numbers that add up to the
    total of each label, and nearly to the share of each subset. Subset 0 gets the rest, and one row at least.

    >>> wanted_rows([4, 4, 4], [0.8, 0.2])
    [[3, 1], [3, 1], [4, 0]]
    """
    wanted = [[total] + [0] * (len(shares) - 1) for total in totals]
    turn = 0  # so that a second subset does not draw on the very labels that the first drew on
    for where, share in enumerate(shares[1:], start=1):
        exact = [share * total for total in totals]
        whole = [int(number) for number in exact]
        missing = (max(1, round(sum(exact))) if share > 0 else 0) - sum(whole)
        by_remainder = sorted(
            range(len(totals)),
            key=lambda label: (-round(exact[label] - whole[label], 9), -totals[label], (label - turn) % len(totals)),
        )
        for label in by_remainder[: max(0, missing)]:
            whole[label] += 1
        turn += max(0, missing)
        for label, number in enumerate(whole):
            given = max(0, min(number, wanted[label][0] - 1))
            wanted[label][where] = given
            wanted[label][0] -= given
    return wanted


def _give_training_every_label(groups: Sequence[Group], members: Sequence[Sequence[int]], subset: list[int]) -> None:
    """Moves the smallest group of any label that subset 0 lacks into it."""
    for indices in members:
        if indices and all(subset[index] for index in indices):
            subset[min(indices, key=lambda index: groups[index].rows)] = 0

"""Iterative stratification: divides groups of rows so that every label has its share of rows in every subset.

The algorithm is that of Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data" (ECML PKDD 2011):
it begins with the label that has the fewest rows left, and puts each of its rows into the subset that needs that label
most. Two things differ:

- Groups of rows that must stay together (copies of one text) are placed as one, the largest groups of a label first.
- The rows that a subset needs of each label are whole numbers that add up over all labels (largest remainder). If a
  subset needed 0.4 rows of each of 150 small labels, rounding each label by itself would leave it empty.

If each row has one label, this is stratified sampling: every label gets exactly its share, unless copies prevent it.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that stay together: their number, and the number of them that have each label (by its index)."""

    rows: int
    labels: Mapping[int, int]


def stratify(groups: Sequence[Group], labels: int, shares: Sequence[float]) -> list[int]:
    """The subset of each group, as an index into `shares`.

    Subset 0 is for training: every label that has any row has one there. `labels` is the number of labels. Nothing here
    is random: the order of `groups` decides between equally good choices, so the caller shuffles them.
    """
    left = [0] * labels
    members: list[list[int]] = [[] for _ in range(labels)]
    for index, group in enumerate(groups):
        for label, rows in group.labels.items():
            left[label] += rows
            members[label].append(index)
    needed = needed_rows(left, shares)
    room = [share * sum(group.rows for group in groups) for share in shares]
    subset = [-1] * len(groups)

    rarest = [(rows, label) for label, rows in enumerate(left)]
    heapq.heapify(rarest)
    while rarest:
        rows, label = heapq.heappop(rarest)
        if rows != left[label]:
            continue  # an outdated entry: rows of this label were placed since
        for index in sorted(members[label], key=lambda index: -groups[index].rows):
            if subset[index] >= 0:
                continue
            needs = needed[label]
            chosen = max(range(len(shares)), key=lambda number: (needs[number], room[number]))
            subset[index] = chosen
            room[chosen] -= groups[index].rows
            for other, rows in groups[index].labels.items():
                needed[other][chosen] -= rows
                left[other] -= rows
                if other != label:
                    heapq.heappush(rarest, (left[other], other))
    for index, group in enumerate(groups):
        if subset[index] < 0:  # no row of the group has a label
            subset[index] = max(range(len(shares)), key=room.__getitem__)
            room[subset[index]] -= group.rows
    _give_training_every_label(groups, members, subset)
    return subset


def needed_rows(totals: Sequence[int], shares: Sequence[float]) -> list[list[int]]:
    """The number of rows that each subset needs of each label, `(labels, shares)`.

    They are whole numbers that add up to `totals[label]` for each label, and nearly to the share of each subset. Subset
    0 gets the remaining rows, at least one.

    >>> needed_rows([4, 4, 4], [0.8, 0.2])
    [[3, 1], [3, 1], [4, 0]]
    """
    needed = [[total] + [0] * (len(shares) - 1) for total in totals]
    turn = 0  # so that a second subset does not take its extra rows from the same labels as the first
    for subset, share in enumerate(shares[1:], start=1):
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
            moved = max(0, min(number, needed[label][0] - 1))
            needed[label][subset] = moved
            needed[label][0] -= moved
    return needed


def _give_training_every_label(groups: Sequence[Group], members: Sequence[Sequence[int]], subset: list[int]) -> None:
    """For each label that subset 0 lacks, moves the smallest group with that label into it."""
    for indices in members:
        if indices and all(subset[index] for index in indices):
            subset[min(indices, key=lambda index: groups[index].rows)] = 0

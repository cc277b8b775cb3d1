from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.training.corpus.splitting.stratify import Group, needed_rows, stratify


def of_labels(rows: list[list[int]]) -> list[Group]:
    return [Group(1, Counter(labels)) for labels in rows]


def deviation(rows: list[list[int]], subset: list[int], labels: int, shares: list[float]) -> float:
    """The mean distance of the label shares from the requested ones: "LD" of Sechidis et al., by label share."""
    total = Counter(label for row in rows for label in row)
    distances = []
    for where, share in enumerate(shares):
        placed = Counter(label for row, side in zip(rows, subset, strict=True) if side == where for label in row)
        distances += [abs(placed[label] / total[label] - share) for label in range(labels) if total[label]]
    return sum(distances) / len(distances)


@given(
    totals=st.lists(st.integers(0, 300), min_size=1, max_size=40),
    share=st.sampled_from([0.05, 0.1, 0.2, 1 / 3]),
    second=st.sampled_from([0.0, 0.1, 0.3]),
)
def test_needed_rows_add_up_and_differ_from_the_share_by_less_than_a_row(
    totals: list[int], share: float, second: float
) -> None:
    wanted = needed_rows(totals, [1 - share - second, share, second])
    for total, numbers in zip(totals, wanted, strict=True):
        assert sum(numbers) == total
        assert min(numbers) >= 0
        assert numbers[0] >= min(1, total)
        assert numbers[1] <= share * total + 1
        assert abs(numbers[1] - share * total) < 1 + 1e-9 or numbers[0] == 1
    if min(totals) >= 4:  # no label gives up rows to training
        assert abs(sum(numbers[1] for numbers in wanted) - max(1, share * sum(totals))) <= 0.5 + 1e-9


def test_needed_rows_of_many_small_labels_are_not_all_rounded_to_zero() -> None:
    wanted = needed_rows([4] * 150, [0.8, 0.1, 0.1])
    assert Counter(map(tuple, wanted)) == {(3, 1, 0): 60, (3, 0, 1): 60, (4, 0, 0): 30}


def test_stratify_gives_single_labels_exactly_their_share() -> None:
    rows = [[0]] * 50 + [[1]] * 30 + [[2]] * 20
    random.Random(1).shuffle(rows)
    subset = stratify(of_labels(rows), 3, [0.7, 0.2, 0.1])
    placed = Counter((row[0], where) for row, where in zip(rows, subset, strict=True))
    assert placed == {
        (0, 0): 35,
        (0, 1): 10,
        (0, 2): 5,
        (1, 0): 21,
        (1, 1): 6,
        (1, 2): 3,
        (2, 0): 14,
        (2, 1): 4,
        (2, 2): 2,
    }


@pytest.mark.parametrize("seed", range(3))
def test_stratify_keeps_label_shares_far_better_than_chance(seed: int) -> None:
    chance = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(40)]  # a long tail of labels
    rows = [sorted(set(chance.choices(range(40), weights, k=chance.randint(0, 4)))) for _ in range(2_000)]
    shares = [0.8, 0.1, 0.1]
    stratified = stratify(of_labels(rows), 40, shares)
    drawn = [chance.choices(range(3), shares)[0] for _ in rows]
    reached = deviation(rows, stratified, 40, shares)
    assert reached < 0.3 * deviation(rows, drawn, 40, shares)
    totals = [sum(label in row for row in rows) for label in range(40)]
    wanted = needed_rows(totals, shares)
    rounding = [
        abs(number / total - share)
        for numbers, total in zip(wanted, totals, strict=True)
        for number, share in zip(numbers, shares, strict=True)
    ]
    assert reached < 1.05 * sum(rounding) / len(rounding)  # hardly more than rounding to whole rows requires
    sizes = Counter(stratified)
    assert abs(sizes[1] - 200) <= 5
    assert abs(sizes[2] - 200) <= 5


def test_stratify_places_large_groups_first() -> None:
    groups = [Group(1, {0: 1}) for _ in range(9)] + [Group(5, {0: 5})]
    subset = stratify(groups, 1, [0.5, 0.5])
    assert sum(group.rows for group, where in zip(groups, subset, strict=True) if where == 1) == 7


def test_stratify_spreads_rows_without_labels() -> None:
    subset = stratify([Group(1, {})] * 100, 2, [0.8, 0.2])
    assert Counter(subset) == {0: 80, 1: 20}


def test_stratify_leaves_a_label_of_one_group_in_training() -> None:
    groups = [Group(1, {0: 1}) for _ in range(10)] + [Group(6, {1: 6}), Group(2, {0: 1, 2: 1})]
    subset = stratify(groups, 3, [0.1, 0.9])
    assert subset[10] == 0
    assert subset[11] == 0
    assert 1 in subset

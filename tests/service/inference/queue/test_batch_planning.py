from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.inference.queue.batch_planning import UNMEASURED, Cost, plan

LENGTHS = st.lists(st.integers(1, 600), max_size=200)
COSTS = st.builds(
    Cost,
    batch=st.floats(0.0, 10.0),
    token=st.floats(1e-3, 1.0),
    attention=st.floats(0.0, 1e-3),
    most_tokens=st.integers(1, 2_000),
)


def milliseconds(lengths: list[int], batches: list[list[int]], cost: Cost) -> float:
    return sum(cost.milliseconds(len(batch), max(lengths[index] for index in batch)) for batch in batches)


def least(lengths: list[int], cost: Cost) -> float:
    """The cost of the best of all partitions into batches, neighbours or not, by trying each."""

    @cache
    def rest(left: frozenset[int]) -> float:
        if not left:
            return 0.0
        first, *others = sorted(left)
        found = float("inf")
        for chosen in range(2 ** len(others)):
            batch = [first, *(other for place, other in enumerate(others) if chosen >> place & 1)]
            longest = max(lengths[index] for index in batch)
            if len(batch) == 1 or longest * len(batch) <= cost.most_tokens:
                found = min(found, cost.milliseconds(len(batch), longest) + rest(left - frozenset(batch)))
        return found

    return rest(frozenset(range(len(lengths))))


@given(LENGTHS, COSTS)
def test_each_index_runs_once_within_the_bound(lengths: list[int], cost: Cost) -> None:
    batches = plan(lengths, cost)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = max(lengths[index] for index in batch) * len(batch)
        assert padded <= cost.most_tokens or len(batch) == 1


@given(LENGTHS)
def test_longest_first(lengths: list[int]) -> None:
    in_order = [lengths[index] for batch in plan(lengths, UNMEASURED) for index in batch]
    assert in_order == sorted(lengths, reverse=True)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=7), COSTS)
def test_no_other_partition_costs_less(lengths: list[int], cost: Cost) -> None:
    assert milliseconds(lengths, plan(lengths, cost), cost) == pytest.approx(least(lengths, cost))


def test_batches_of_like_windows_are_filled() -> None:
    cost = Cost(batch=1.0, token=0.01, attention=0.0, most_tokens=100)
    assert sorted(len(batch) for batch in plan([10] * 30, cost)) == [10, 10, 10]


def test_padding_that_costs_more_than_a_batch_is_cut_off() -> None:
    cost = Cost(batch=1.0, token=0.1, attention=0.0, most_tokens=10_000)
    assert plan([100, 10, 11, 9], cost) == [[0], [2, 1, 3]]
    assert plan([12, 10, 11, 9], cost) == [[0, 2, 1, 3]]

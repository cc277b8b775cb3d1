from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.inference.planning import plan

LENGTHS = st.lists(st.integers(1, 600), max_size=200)


@given(LENGTHS, st.integers(1, 2_000))
def test_each_index_runs_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = list(plan(lengths, budget))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = max(lengths[index] for index in batch) * len(batch)
        assert padded <= budget or len(batch) == 1


@given(LENGTHS, st.integers(1, 2_000))
def test_longest_first(lengths: list[int], budget: int) -> None:
    in_order = [lengths[index] for batch in plan(lengths, budget) for index in batch]
    assert in_order == sorted(lengths, reverse=True)


def test_a_batch_is_filled_before_the_next_begins() -> None:
    assert [len(batch) for batch in plan([10] * 25, 100)] == [10, 10, 5]

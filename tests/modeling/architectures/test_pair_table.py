"""The table of pairs, against a dictionary."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from glossator.modeling.architectures.pair_table import ABSENT, build_pair_table

NUMBERS = st.integers(0, 2**31 - 1) | st.integers(0, 30)
PAIRS = st.dictionaries(st.tuples(NUMBERS, NUMBERS), st.integers(1, 2**31 - 1), max_size=60)


@given(held=PAIRS, asked=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20))
def test_a_table_finds_what_a_dictionary_finds(held: dict[tuple[int, int], int], asked: list[tuple[int, int]]) -> None:
    table = build_pair_table(
        np.array(list(held), dtype=np.int64).reshape(-1, 2), np.array(list(held.values()), dtype=np.int64)
    )
    pairs = torch.tensor([*held, *asked], dtype=torch.int64)
    found = table(pairs[:, 0], pairs[:, 1]).tolist()
    assert found == [held.get(pair, ABSENT) for pair in [*held, *asked]]


def test_a_hundred_thousand_pairs_take_few_probes() -> None:
    pairs = np.stack([np.arange(100_000) % 317, np.arange(100_000) // 317], axis=1).astype(np.int64)
    table = build_pair_table(pairs, np.arange(1, 100_001))
    assert table.probes <= 16
    assert table(torch.tensor([[5, 316]]), torch.tensor([[7, 400]])).tolist() == [[5 + 7 * 317 + 1, ABSENT]]

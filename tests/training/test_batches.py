from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.bundle.task import Encoding
from glossator.service.inference.encoding import Encoder
from glossator.training.batches import POOL_BATCHES, epoch_batches, make_examples

lengths_of = st.lists(st.integers(1, 512), min_size=1, max_size=400)


@given(lengths=lengths_of, batch_size=st.integers(1, 40), seed=st.integers(0, 2**63), epoch=st.integers(0, 100))
def test_batches_have_each_index_once(lengths: list[int], batch_size: int, seed: int, epoch: int) -> None:
    batches = epoch_batches(lengths, batch_size=batch_size, seed=seed, epoch=epoch)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= batch_size for batch in batches)
    # The number of batches decides the learning rates, so it must not depend on the order.
    assert len(batches) == -(-len(lengths) // batch_size)
    assert batches == epoch_batches(lengths, batch_size=batch_size, seed=seed, epoch=epoch)


def test_batches_differ_between_epochs_and_seeds() -> None:
    lengths = [7] * 200
    orders = [
        epoch_batches(lengths, batch_size=8, seed=seed, epoch=epoch) for seed, epoch in ((1, 0), (1, 1), (0, 1), (2, 0))
    ]
    assert all(orders[i] != orders[j] for i in range(4) for j in range(i))


def test_batches_are_the_same_on_every_platform_and_version() -> None:
    lengths = [5, 1, 5, 1, 5, 1, 5, 1, 9, 9]
    assert epoch_batches(lengths, batch_size=3, seed=13, epoch=2) == [[8], [4, 2, 9], [3, 0, 6], [7, 1, 5]]


@pytest.mark.parametrize("rows", [4_000, 20_000])
def test_batches_have_little_padding(rows: int) -> None:
    lengths = np.random.default_rng(0).lognormal(3.0, 0.8, rows).clip(3, 256).astype(int).tolist()
    batches = epoch_batches(lengths, batch_size=32, seed=13, epoch=0)
    padded = sum(max(lengths[i] for i in batch) * len(batch) for batch in batches)
    unsorted = sum(max(lengths[i : i + 32]) * len(lengths[i : i + 32]) for i in range(0, rows, 32))
    assert padded < 1.15 * sum(lengths)
    assert unsorted > 2.0 * sum(lengths)  # the number of tokens without sorting by length


def test_batches_are_not_ordered_by_length() -> None:
    lengths = list(range(3_200))
    batches = epoch_batches(lengths, batch_size=32, seed=13, epoch=0)
    means = [np.mean([lengths[i] for i in batch]) for batch in batches]
    assert abs(np.corrcoef(means, range(len(means)))[0, 1]) < 0.3


def test_batches_mix_rows_of_the_same_length() -> None:
    """Rows that are in one batch in one epoch are in different batches in the next."""
    lengths = [10] * 64 * POOL_BATCHES
    first, second = (epoch_batches(lengths, batch_size=64, seed=3, epoch=epoch) for epoch in (0, 1))
    together = {frozenset(batch) for batch in first} & {frozenset(batch) for batch in second}
    assert not together


@pytest.fixture(scope="module")
def encoder(tiny_base: Callable[[str], Path]) -> Encoder:
    return Encoder(tiny_base("bert") / "tokenizer.json", Encoding(max_length=16, stride=4, pad_token_id=0))


@given(word_counts=st.lists(st.integers(1, 120), min_size=1, max_size=8))
def test_examples_are_all_windows_and_each_text_has_weight_one(encoder: Encoder, word_counts: list[int]) -> None:
    texts = ["parcel " * count for count in word_counts]
    examples = make_examples(encoder.encode(texts), texts)
    encoded = encoder.encode(texts)
    assert [example.window for example in examples] == [window for text in encoded for window in text.windows]
    for row, text in enumerate(encoded):
        of_text = [example for example in examples if example.row == row]
        assert len(of_text) == len(text.windows)
        assert sum(example.weight for example in of_text) == pytest.approx(1.0)
    assert all(len(example.window) <= 16 for example in examples)


def test_examples_of_a_long_text_have_every_token(encoder: Encoder) -> None:
    parcel = encoder.encode(["parcel"])[0].windows[0][1]
    examples = make_examples(encoder.encode(["where", "parcel " * 100]), [0, 1])
    assert [example.row for example in examples] == [0, *[1] * (len(examples) - 1)]
    # 14 tokens fit between the special tokens, neighbouring windows share 4: 1 + ceil((100 - 14) / 10) windows.
    assert len(examples) - 1 == 10
    new = sum(example.window.count(parcel) for example in examples[1:]) - 4 * 9
    assert new == 100

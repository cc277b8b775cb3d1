from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from glossator.service.statistics.sample_distance import UNKNOWN, label_distance, number_distance
from tests.support.property_profiles import examples

NUMBERS = st.lists(st.floats(-5, 5).map(lambda value: round(value, 1)), min_size=1, max_size=60)


@settings(max_examples=examples(60))
@given(NUMBERS, NUMBERS)
def test_the_distance_is_the_statistic_of_kolmogorov_and_smirnov(first: list[float], second: list[float]) -> None:
    found = number_distance(first, second, 0.05)
    shares = [
        [sum(each <= point for each in sample) / len(sample) for point in first + second] for sample in (first, second)
    ]
    assert found.value == pytest.approx(max(abs(a - b) for a, b in zip(*shares, strict=True)), abs=1e-12)
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0
    assert number_distance(second, first, 0.05) == found  # symmetric
    narrower = number_distance(first, second, 0.5)
    assert found.low <= narrower.low
    assert narrower.high <= found.high


def test_intervals_rarely_miss_the_distance() -> None:
    """Of two normal distributions, one unit apart, whose distance is known."""
    generator = np.random.default_rng(1)
    true = 2 * stats.norm.cdf(0.5) - 1
    misses = 0
    for _ in range(100):
        found = number_distance(generator.normal(size=300), generator.normal(1.0, size=200), 0.2)
        misses += not found.low <= true <= found.high
    assert misses <= 20  # the promise is 20 %; the bounds are wide


def test_verdicts_of_clear_cases() -> None:
    generator = np.random.default_rng(2)
    usual = generator.normal(size=2_000)
    assert number_distance(usual, generator.normal(size=5_000), 0.01).verdict(0.15) == "within"
    assert number_distance(usual, generator.normal(1.0, size=500), 0.01).verdict(0.1) == "drifted"
    assert number_distance(usual, generator.normal(size=30), 0.01).verdict(0.1) == "not shown"
    assert number_distance(usual, [], 0.01) == UNKNOWN
    assert UNKNOWN.verdict(0.1) == "not shown"


def test_a_small_change_of_a_constant_is_found() -> None:
    assert number_distance([0.0] * 500, [0.1] * 500, 0.01).low > 0.9


@pytest.mark.parametrize("single", [True, False])
def test_intervals_of_labels_rarely_miss(single: bool) -> None:
    generator = np.random.default_rng(3)
    names = [f"label {number}" for number in range(8)]
    first = np.array([0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05])
    second = first[::-1]
    true = float(np.abs(first - second).sum()) / 2 if single else float(np.abs(first - second).max())
    misses = 0
    for _ in range(100):
        counts = [
            Counter(generator.choice(names, size=size, p=chances).tolist())
            for size, chances in ((400, first), (300, second))
        ]
        usual = {name: counts[0][name] for name in names}
        found = label_distance(usual, 400, counts[1], 300, 0.2, single_label=single)
        assert found.low <= found.value <= found.high
        misses += not found.low <= true <= found.high
    assert misses <= 20


def test_a_label_that_takes_over_is_found_among_many() -> None:
    """The total variation of 77 labels is uncertain, but the share of the one is not."""
    usual = {f"label {number}": 13 for number in range(77)}
    now = dict.fromkeys(usual, 2) | {"label 5": 100}
    texts = sum(now.values())
    assert label_distance(usual, 1_001, now, texts, 0.01, single_label=True).low > 0.15


def test_half_of_many_labels_are_missed() -> None:
    """No single label changes much, and the total variation of the counts is uncertain; the set of them is not."""
    generator = np.random.default_rng(4)
    names = [f"label {number}" for number in range(77)]
    usual = Counter(generator.choice(names, size=1_000).tolist())
    now = Counter(generator.choice(names[:38], size=1_000).tolist())
    found = label_distance({name: usual[name] for name in names}, 1_000, now, 1_000, 0.01, single_label=True)
    assert 0.25 < found.low <= 39 / 77 <= found.high


def test_labels_without_texts_are_unknown() -> None:
    assert label_distance({"a": 1}, 1, {}, 0, 0.1, single_label=True) == UNKNOWN
    assert label_distance({}, 1, {"a": 1}, 1, 0.1, single_label=True) == UNKNOWN

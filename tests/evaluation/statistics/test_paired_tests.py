"""Paired tests, checked with scipy, Holm's definition, all permutations, and simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from scipy.stats import binomtest

from glossator.evaluation.statistics.paired_tests import approximate_randomisation, holm_correction, mcnemar


@given(st.integers(0, 40), st.integers(0, 40))
@settings(deadline=None)
def test_exact_mcnemar_is_the_binomial_test(gained: int, lost: int) -> None:
    mid, exact = mcnemar(gained, lost)
    if gained + lost:
        assert exact == pytest.approx(binomtest(gained, gained + lost).pvalue)
    assert 0.0 <= mid <= exact <= 1.0
    assert mcnemar(lost, gained) == (mid, exact)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
@settings(deadline=None)
def test_holm_correction_rejects_what_the_step_down_procedure_rejects(p_values: list[float]) -> None:
    """By definition: compare the smallest with 0.05 / n, the next with 0.05 / (n - 1), until one fails."""
    rejected = set()
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        if p_values[index] * (len(p_values) - place) > 0.05:
            break
        rejected.add(index)
    corrected = holm_correction(p_values)
    assert {index for index, p in enumerate(corrected) if p <= 0.05} == rejected
    assert all(p <= c for p, c in zip(p_values, corrected, strict=True))


@settings(max_examples=examples(10))
@given(st.integers(0, 10**6))
def test_approximate_randomisation_agrees_with_all_permutations(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.random((2, 8))
    both = values.ravel()
    p = approximate_randomisation(lambda weights: weights @ both / 8.0, 8, shuffles=4000, seed=seed)
    differences = values[0] - values[1]
    all_signs = np.array(list(product([1, -1], repeat=8))) @ differences
    assert p == pytest.approx((np.abs(all_signs) >= abs(differences.sum()) - 1e-12).mean(), abs=0.04)


def test_mcnemar_raises_false_alarms_in_5_percent_of_comparisons() -> None:
    """Two models that are equally good: a small version of `benchmarks/corpora/false_alarms.py`."""
    generator = np.random.default_rng(3)
    alarms = 0
    for _ in range(400):
        discordant = generator.random(300) < 0.2
        gained = int((generator.random(300) < 0.5)[discordant].sum())
        alarms += mcnemar(gained, int(discordant.sum()) - gained)[0] < 0.05
    assert 8 <= alarms <= 34  # 20 expected; outside these bounds once in 500 runs

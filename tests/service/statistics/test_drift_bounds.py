"""Bounds of probabilities from samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from glossator.service.statistics.drift_bounds import (
    distribution_bounds,
    dkw_width,
    share_bounds,
    total_variation_width,
)


def test_the_band_is_that_of_massart() -> None:
    # The 95 % band of 100 values is 1.358 / sqrt(100) in the limit; the bound is a little wider at every size.
    assert dkw_width(100, 0.05) == pytest.approx(0.1358, abs=1e-4)


@given(size=st.integers(1, 500), part=st.floats(0.0, 1.0), alpha=st.floats(1e-9, 0.5))
def test_bounds_of_a_share_contain_the_exact_ones(size: int, part: float, alpha: float) -> None:
    count = round(part * size)
    found = share_bounds(np.array([float(count)]), size, alpha)
    low = stats.beta.ppf(alpha / 2, count, size - count + 1) if count else 0.0  # Clopper and Pearson
    high = stats.beta.ppf(1 - alpha / 2, count + 1, size - count) if count < size else 1.0
    assert found.low[0] <= low + 1e-9
    assert found.high[0] >= high - 1e-9
    assert found.low[0] <= count / size <= found.high[0]


@pytest.mark.parametrize("kind", ["normal", "many ties", "mostly one value"])
def test_a_distribution_is_within_its_bounds(kind: str) -> None:
    """Also at points that come from the sample."""
    random, missed, size, alpha = np.random.default_rng(3), 0, 300, 0.2
    for _ in range(150):
        if kind == "normal":
            sample = np.sort(random.normal(size=size))
            truth = stats.norm.cdf(sample)
        elif kind == "many ties":
            sample = np.sort(random.poisson(2.0, size=size)).astype(float)
            truth = stats.poisson.cdf(sample, 2.0)
        else:
            sample = np.sort(random.random(size) * (random.random(size) < 0.02))
            truth = 0.98 + 0.02 * sample
        found = distribution_bounds(np.searchsorted(sample, sample, side="right").astype(float), size, alpha)
        missed += bool((truth < found.low).any() or (truth > found.high).any())
    assert missed <= stats.binom.ppf(0.999, 150, alpha)


def test_bounds_are_narrow_where_they_can_be() -> None:
    found = distribution_bounds(np.array([0.0, 20.0, 1_000.0, 1_980.0, 2_000.0]), 2_000, 0.001)
    widths = found.high - found.low
    assert widths[2] == pytest.approx(2 * dkw_width(2_000, 0.0005))
    assert widths[1] == pytest.approx(widths[3])
    assert widths[1] < 0.6 * widths[2]
    assert found.low[0] == 0.0
    assert found.high[4] == 1.0


def test_shares_are_within_the_total_variation() -> None:
    random, missed = np.random.default_rng(5), 0
    for _ in range(300):
        truth = random.dirichlet(np.full(20, 0.7))
        shares = random.multinomial(200, truth) / 200
        missed += np.abs(shares - truth).sum() / 2 > total_variation_width(200, 20, 0.1)
    assert missed <= stats.binom.ppf(0.999, 300, 0.1)

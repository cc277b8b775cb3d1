"""The interval covers the mean at all times, and is close to what others computed."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.statistics.confidence_sequence import (
    SHARES,
    Draws,
    capital_path,
    draws_needed,
    mean_interval,
)


def draws(*values: float, smallest: float = 0.0, largest: float = 1.0) -> Draws:
    return Draws(np.array(values, dtype=np.float64), smallest, largest, smallest, largest)


def test_the_capital_is_a_martingale_at_the_mean() -> None:
    """The mean of the capital over all sequences of six coin tosses, weighted by their probability, is 1."""
    chance = 0.7
    total = 0.0
    for tosses in product((0.0, 1.0), repeat=6):
        probability = math.prod(chance if toss else 1.0 - chance for toss in tosses)
        total += probability * math.exp(capital_path(draws(*tosses), chance)[-1])
    assert total == pytest.approx(1.0, abs=1e-12)


def test_the_bounds_are_where_the_capital_reaches_the_limit() -> None:
    """Computed again without logarithms and bisection, on a grid of means."""
    tosses = [1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0] * 12
    found = mean_interval(draws(*tosses), alpha=0.05)
    grid = np.linspace(0.0005, 0.9995, 1999)

    def capital(values: np.ndarray, mean: float) -> float:
        return float(np.mean([np.prod(1.0 + share / mean * (values - mean)) for share in SHARES]))

    values = np.array(tosses)
    possible = [mean for mean in grid if capital(values, mean) < 40.0 and capital(1.0 - values, 1.0 - mean) < 40.0]
    assert found.low == pytest.approx(min(possible), abs=1e-3)
    assert found.high == pytest.approx(max(possible), abs=1e-3)


@pytest.mark.parametrize(("chance", "smallest", "largest"), [(0.9, 0.0, 1.0), (0.5, 0.0, 1.0), (0.98, -1.0, 2.0)])
def test_the_mean_is_missed_at_any_time_in_few_repetitions(chance: float, smallest: float, largest: float) -> None:
    """300 sequences of 500 draws, looked at after each draw: 5 % are allowed, 9 % would be four deviations more."""
    random = np.random.default_rng(5)
    missed = 0
    for _ in range(300):
        values = (random.random(500) < chance).astype(float)
        one = draws(*values, smallest=smallest, largest=largest)
        missed += max(capital_path(one, chance).max(), capital_path(-one, -chance).max()) >= math.log(40.0)
    assert missed <= 27


def test_half_widths_are_those_of_a_prototype() -> None:
    """Within 10 % of a prototype of their hedged capital: .090, .068, .052, .040 and .031 for an accuracy of .91."""
    random = np.random.default_rng(2)
    for count, limit in ((100, 0.090), (200, 0.068), (400, 0.052), (800, 0.040), (1600, 0.031)):
        widths = [mean_interval(draws(*(random.random(count) < 0.91)), alpha=0.05).half_width for _ in range(10)]
        assert np.mean(widths) <= 1.1 * limit


def test_without_draws_everything_is_possible() -> None:
    found = mean_interval(draws(smallest=-1.0, largest=3.0), alpha=0.05)
    assert (found.low, found.high) == (pytest.approx(-1.0), pytest.approx(3.0))


@given(st.lists(st.sampled_from([0.0, 0.3, 1.0]), max_size=60), st.floats(0.01, 0.4))
def test_the_interval_contains_the_mean_of_the_draws(values: list[float], alpha: float) -> None:
    found = mean_interval(draws(*values), alpha=alpha)
    mean = float(np.mean(values)) if values else 0.5
    assert found.low - 1e-6 <= mean <= found.high + 1e-6


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40), st.floats(-5.0, 5.0), st.floats(0.1, 9.0))
def test_scale_and_origin_do_not_matter(values: list[float], origin: float, scale: float) -> None:
    plain = mean_interval(draws(*values), alpha=0.1)
    moved = mean_interval(
        draws(*(origin + scale * np.array(values)), smallest=origin, largest=origin + scale), alpha=0.1
    )
    assert moved.low == pytest.approx(origin + scale * plain.low, abs=1e-5)
    assert moved.high == pytest.approx(origin + scale * plain.high, abs=1e-5)


def test_limits_may_differ_from_draw_to_draw() -> None:
    """Draws that vary less than they could have are worth more once their limits are narrow."""
    values = 0.5 + 0.1 * np.random.default_rng(3).choice([-1.0, 1.0], 400)
    wide = mean_interval(Draws(values, -5.0, 5.0, 0.0, 1.0), alpha=0.05)
    limits = np.where(np.arange(400) < 50, 5.0, 0.6)
    later = mean_interval(Draws(values, 1.0 - limits, limits, 0.0, 1.0), alpha=0.05)
    narrow = mean_interval(Draws(values, 0.4, 0.6, 0.0, 1.0), alpha=0.05)
    assert narrow.half_width <= later.half_width < wide.half_width
    assert narrow.low < 0.5 < narrow.high


def test_unknown_draws_widen_the_interval_in_both_directions() -> None:
    known = [1.0] * 80 + [0.0] * 10
    lower, upper = draws(*known, *[0.0] * 10), draws(*known, *[1.0] * 10)
    found = mean_interval(lower, upper=upper, alpha=0.05)
    assert found.low == mean_interval(lower, alpha=0.05).low
    assert found.high == mean_interval(upper, alpha=0.05).high


def test_as_many_draws_as_needed_make_the_interval_so_narrow() -> None:
    values = (np.random.default_rng(4).random(200) < 0.9).astype(float)
    one = draws(*values)
    needed = draws_needed(one.bets(), (-one).bets(), alpha=0.05, half_width=0.02)
    assert needed is not None
    more = np.tile(values, 1 + needed // 200)[:needed]
    assert mean_interval(draws(*more), alpha=0.05).half_width == pytest.approx(0.02, abs=5e-4)
    assert draws_needed(draws().bets(), draws().bets(), alpha=0.05, half_width=0.02) is None


def test_a_draw_outside_of_its_range_is_an_error() -> None:
    with pytest.raises(ValueError, match="outside of 0"):
        draws(0.5, 1.2)

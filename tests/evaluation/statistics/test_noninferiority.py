from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from scipy.optimize import minimize_scalar
from scipy.stats import multinomial
from sklearn.metrics import f1_score

from glossator.evaluation.statistics.noninferiority import (
    compare_accuracies,
    compare_macro_f1,
    paired_proportions_interval,
)
from glossator.service.errors import InputError

Z = NormalDist().inv_cdf(0.95)


def outcomes(both: int, gained: int, lost: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Which rows the new and the old model get right, from the four counts of a paired table."""
    new = np.repeat([True, True, False, False], [both, gained, lost, neither])
    old = np.repeat([True, False, True, False], [both, gained, lost, neither])
    return new, old


def test_noninferiority_bounds_equal_published_ones() -> None:
    # Fagerland, Lydersen and Laake (2014), table V, Tango's interval of Bentur's table (1, 1, 7, 12).
    assert paired_proportions_interval(1, 7, 21, confidence=0.975) == pytest.approx((-0.517, -0.026), abs=5e-4)
    # R, PropCIs::scoreci.mp(25, 28, 618, 0.90), printed to four places.
    assert paired_proportions_interval(28, 25, 618) == pytest.approx((-0.0148, 0.0247), abs=5e-5)


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int]:
    """Gained, lost and all rows."""
    rows = draw(st.integers(1, 300))
    gained = draw(st.integers(0, rows))
    return gained, draw(st.integers(0, rows - gained)), rows


@given(tables())
def test_noninferiority_bounds_solve_the_score_equation(table: tuple[int, int, int]) -> None:
    # Independent of the closed form: the share of lost rows is found by maximising the likelihood numerically.
    gained, lost, rows = table
    low, high = paired_proportions_interval(gained, lost, rows)
    assert -1.0 <= low <= (gained - lost) / rows <= high <= 1.0
    for bound, sign in ((low, 1.0), (high, -1.0)):
        if abs(bound) > 0.999:
            continue

        def unlikelihood(lost_share: float, difference: float = bound) -> float:
            shares = (lost_share + difference, lost_share, 1.0 - 2.0 * lost_share - difference)
            counts = (gained, lost, rows - gained - lost)
            return -sum(n * math.log(max(share, 1e-300)) for n, share in zip(counts, shares, strict=True) if n)

        limits = (max(0.0, -bound), (1.0 - bound) / 2.0)
        share = minimize_scalar(unlikelihood, bounds=limits, method="bounded", options={"xatol": 1e-12}).x
        error = math.sqrt((2.0 * share + bound - bound * bound) / rows)
        assert ((gained - lost) / rows - bound) / error == pytest.approx(sign * Z, abs=0.02)


@given(tables())
@settings(max_examples=examples(50))
def test_noninferiority_bounds_are_mirrored_if_the_models_are_swapped(table: tuple[int, int, int]) -> None:
    gained, lost, rows = table
    low, high = paired_proportions_interval(gained, lost, rows)
    assert paired_proportions_interval(lost, gained, rows) == pytest.approx((-high, -low), abs=1e-9)


@pytest.mark.parametrize(("lost_share", "margin"), [(0.06, 0.04), (0.15, 0.05)])
def test_noninferiority_is_wrongly_claimed_about_once_in_20(lost_share: float, margin: float) -> None:
    # The new model is worse by exactly the margin; the chance of a wrong claim is summed over every table of 120 rows.
    rows = 120
    shares = [lost_share - margin, lost_share, 1.0 - 2.0 * lost_share + margin]
    chance = 0.0
    for lost in range(50):
        for gained in range(50):
            weight = multinomial.pmf([gained, lost, rows - gained - lost], rows, shares)
            if weight > 1e-7 and paired_proportions_interval(gained, lost, rows)[0] > -margin:
                chance += weight
    assert 0.03 < chance < 0.065


def test_noninferiority_counts_flips() -> None:
    verdict = compare_accuracies(*outcomes(both=900, gained=12, lost=10, neither=78))
    assert (verdict.rows, verdict.flips, verdict.gained, verdict.lost) == (1000, 22, 12, 10)
    assert (verdict.new, verdict.old) == (0.912, 0.910)
    assert verdict.difference == pytest.approx(0.002)
    assert verdict.low < 0.0 < verdict.high


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ((2800, 10, 10, 260), True),  # many rows, few flips
        ((2800, 10, 30, 240), False),  # 0.65 points lost
        ((90, 0, 0, 10), False),  # no flips, but too few rows
        ((1000, 60, 0, 20), True),  # clearly better
    ],
)
def test_noninferiority_verdict(counts: tuple[int, int, int, int], shown: bool) -> None:
    verdict = compare_accuracies(*outcomes(*counts))
    assert verdict.non_inferior is shown
    assert (verdict.low > -0.005) is shown


def test_noninferiority_fewest_rows_that_show_half_a_point() -> None:
    assert not compare_accuracies(*outcomes(538, 0, 0, 0)).non_inferior
    assert compare_accuracies(*outcomes(539, 0, 0, 0)).non_inferior
    assert compare_accuracies(*outcomes(0, 0, 0, 538)).low == pytest.approx(-(Z**2) / (538 + Z**2))


def test_noninferiority_margin_decides() -> None:
    pairs = outcomes(900, 5, 15, 80)
    assert not compare_accuracies(*pairs, margin=0.01).non_inferior
    assert compare_accuracies(*pairs, margin=0.03).non_inferior


def test_noninferiority_of_macro_f1_equals_scikit_learn_in_a_loop() -> None:
    rng = np.random.default_rng(2)
    gold = rng.random((150, 5)) < 0.3
    old, new = gold ^ (rng.random(gold.shape) < 0.1), gold ^ (rng.random(gold.shape) < 0.1)
    verdict = compare_macro_f1(gold, new, old, resamples=2000)

    def difference(rows: np.ndarray) -> float:
        return float(
            f1_score(gold[rows], new[rows], average="macro", zero_division=0)
            - f1_score(gold[rows], old[rows], average="macro", zero_division=0)
        )

    assert verdict.difference == pytest.approx(difference(np.arange(150)))
    assert verdict.new - verdict.old == pytest.approx(verdict.difference)
    slow = [difference(rng.integers(150, size=150)) for _ in range(300)]
    assert (verdict.low, verdict.high) == pytest.approx(np.quantile(slow, [0.05, 0.95]), abs=0.008)
    assert verdict.flips == sum(bool((a != b).any()) for a, b in zip(new, old, strict=True))
    assert verdict.gained - verdict.lost == (new == gold).all(axis=1).sum() - (old == gold).all(axis=1).sum()


def test_noninferiority_of_macro_f1_distinguishes_same_from_worse() -> None:
    rng = np.random.default_rng(3)
    gold = rng.random((600, 4)) < 0.3
    old = gold ^ (rng.random(gold.shape) < 0.05)
    same = compare_macro_f1(gold, old, old)
    assert (same.low, same.high, same.flips, same.non_inferior) == (0.0, 0.0, 0, True)
    worse = compare_macro_f1(gold, old & (rng.random(gold.shape) < 0.9), old)
    assert not worse.non_inferior
    assert worse.high < 0.0


def test_noninferiority_refuses_different_or_empty_arrays() -> None:
    with pytest.raises(InputError, match="same rows"):
        compare_accuracies(np.ones(3, dtype=bool), np.ones(4, dtype=bool))
    with pytest.raises(InputError, match="same rows"):
        compare_accuracies(np.ones(0, dtype=bool), np.ones(0, dtype=bool))
    table = np.ones((3, 2), dtype=bool)
    with pytest.raises(InputError, match="same rows"):
        compare_macro_f1(table, table, table[:, :1])

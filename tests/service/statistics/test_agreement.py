"""Krippendorff's alpha against published examples and a coincidence matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from property_profiles import examples

from glossator.service.statistics.agreement import krippendorff, masi, nominal

FOUR_OBSERVERS = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""
"""Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: 4 observers, 12 units."""


def units_of(table: str) -> list[list[str]]:
    rows = [line.split() for line in table.strip().splitlines()]
    return [[value for value in column if value != "."] for column in zip(*rows, strict=True)]


def squared(values: Sequence[str]) -> NDArray[np.float64]:
    numbers = np.array([float(value) for value in values])
    return (numbers[:, None] - numbers) ** 2


def coincidence_alpha(units: Sequence[Sequence[object]], delta: Callable[[object, object], Fraction]) -> float | None:
    """Alpha from the matrix of coincidences, in exact numbers, as Krippendorff 2011 computes it by hand."""
    matrix: Counter[tuple[object, object]] = Counter()
    for unit in units:
        for first, second in permutations(range(len(unit)), 2):
            matrix[unit[first], unit[second]] += Fraction(1, len(unit) - 1)  # type: ignore[assignment]
    totals: Counter[object] = Counter()
    for (value, _), count in matrix.items():
        totals[value] += count
    number = Fraction(sum(totals.values()))
    observed = sum((count * delta(*pair) for pair, count in matrix.items()), Fraction(0))
    expected = sum(
        (totals[a] * totals[b] * delta(a, b) for a in totals for b in totals),
        Fraction(0),
    )
    return None if expected == 0 else float(1 - (number - 1) * observed / expected)


def test_published_examples_are_met() -> None:
    four = units_of(FOUR_OBSERVERS)
    assert krippendorff(four).alpha == pytest.approx(0.743, abs=5e-4)
    assert krippendorff(four, squared).alpha == pytest.approx(0.849, abs=5e-4)
    assert krippendorff(four).units == 11  # one unit has one value
    binary = units_of("0 1 0 0 0 0 0 0 1 0\n1 1 1 0 0 1 0 0 0 0")  # section A
    assert krippendorff(binary).alpha == pytest.approx(0.095, abs=5e-4)
    several = units_of("a a b b d c c c e d d a\nb a b b b c c c e d d d")  # section B
    assert krippendorff(several).alpha == pytest.approx(0.692, abs=5e-4)
    assert krippendorff(several).same == pytest.approx(9 / 12)


def test_masi_distances_are_those_of_its_definition() -> None:
    sets = [frozenset("ab"), frozenset("abcd"), frozenset("bc"), frozenset("x"), frozenset()]
    found = masi(sets)
    assert found[0, 1] == pytest.approx(1 - 0.5 * 2 / 3)
    assert found[0, 2] == pytest.approx(1 - (1 / 3) * (1 / 3))
    assert (found[0, 3], found[0, 4], found[4, 4], found[3, 3]) == (1.0, 1.0, 0.0, 0.0)
    assert np.allclose(found, found.T)
    singles = [frozenset([name]) for name in "abc"]
    assert np.array_equal(masi(singles), nominal(singles))


def exact_masi(first: frozenset[str], second: frozenset[str]) -> Fraction:
    if first == second:
        return Fraction(0)
    both, either = len(first & second), len(first | second)
    monotonicity = Fraction(2 if both in (len(first), len(second)) else 1, 3)
    return 1 - Fraction(both, either) * monotonicity


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=4), max_size=12))
@settings(max_examples=examples(100), deadline=None)
def test_alpha_is_that_of_the_coincidence_matrix(units: list[list[str]]) -> None:
    found = krippendorff(units)
    expected = coincidence_alpha([unit for unit in units if len(unit) > 1], lambda a, b: Fraction(a != b))
    assert found.alpha == (None if expected is None else pytest.approx(expected, abs=1e-9))
    if found.low is not None and found.high is not None:
        assert -1.0 <= found.low <= found.high <= 1.0


@given(st.lists(st.lists(st.frozensets(st.sampled_from("abc")), min_size=2, max_size=3), min_size=1, max_size=8))
@settings(max_examples=examples(50), deadline=None)
def test_alpha_of_label_sets_is_that_of_the_coincidence_matrix(units: list[list[frozenset[str]]]) -> None:
    expected = coincidence_alpha(units, exact_masi)  # type: ignore[arg-type]
    assert krippendorff(units, masi).alpha == (None if expected is None else pytest.approx(expected, abs=1e-9))


def test_alpha_is_not_defined_without_anything_to_compare() -> None:
    assert krippendorff([]).alpha is None
    assert krippendorff([["a"], ["b"]]).same is None
    all_same = krippendorff([["a", "a"], ["a", "a"]])
    assert (all_same.alpha, all_same.low, all_same.same, all_same.units) == (None, None, 1.0, 2)


def test_the_interval_contains_alpha_and_narrows_with_more_units() -> None:
    random = np.random.default_rng(1)
    truth = random.integers(0, 3, 400)
    other = np.where(random.random(400) < 0.15, random.integers(0, 3, 400), truth)
    units = [[str(a), str(b)] for a, b in zip(truth, other, strict=True)]
    few, many = krippendorff(units[:40]), krippendorff(units)
    for found in (few, many):
        assert found.alpha is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.alpha < found.high
    assert many.high - many.low < few.high - few.low  # type: ignore[operator]

"""Learning curves: true power laws are recovered, and intervals are wide with few points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples

from glossator.evaluation.analysis.learning_curve import CurvePoint, fit_learning_curve, subset_sizes
from glossator.service.errors import CorpusError


def law(rows: float, floor: float = 0.05, scale: float = 3.0, power: float = 0.6) -> float:
    return floor + scale * rows**-power


def points(noise: float = 0.0, seed: int = 0) -> list[CurvePoint]:
    generator = np.random.default_rng(seed)
    return [
        CurvePoint(rows, tuple(float(1.0 - law(rows) + generator.normal(0.0, noise)) for _ in range(3)))
        for rows in subset_sizes(4_000, 10)
    ]


def test_a_true_law_is_recovered() -> None:
    curve = fit_learning_curve(points(), metric="accuracy", validation_rows=2_000)
    assert (curve.floor, curve.power) == (pytest.approx(0.05, abs=0.01), pytest.approx(0.6, abs=0.06))
    for each in curve.forecasts:
        assert each.gain == pytest.approx(law(4_000) - law(4_000 + each.more), abs=5e-4)
        assert each.low <= each.gain <= each.high


def test_the_interval_contains_a_measured_gain_as_often_as_stated() -> None:
    inside = 0
    for seed in range(60):
        generator = np.random.default_rng([seed, 1])
        made = points(0.006, seed)
        curve = fit_learning_curve(made, metric="accuracy", validation_rows=2_000, seed=seed)
        forecast = curve.forecasts[-1]
        measured = law(4_000) - law(5_000) + generator.normal(0.0, 0.006 * 2**0.5)
        inside += forecast.low <= measured <= forecast.high
    assert inside >= 52


@settings(max_examples=examples(25))
@given(st.lists(st.floats(0.0, 1.0), min_size=4, max_size=8))
def test_any_points_give_finite_gains_that_are_not_negative(values: list[float]) -> None:
    made = [CurvePoint(100 * 2**place, (value,)) for place, value in enumerate(values)]
    curve = fit_learning_curve(made, metric="accuracy", validation_rows=100)
    gains = [each.gain for each in curve.forecasts]
    assert np.isfinite(gains).all()
    assert gains == sorted(gains)
    assert min(gains) >= -1e-12
    assert curve.now == pytest.approx(float(curve.value_at(np.array([float(made[-1].rows)]))[0]))
    for each in curve.forecasts:
        assert each.value == curve.now + each.gain
        assert each.low <= each.gain <= each.high


def test_three_sizes_are_refused() -> None:
    with pytest.raises(CorpusError, match="four different sizes"):
        fit_learning_curve(points()[:3], metric="accuracy", validation_rows=100)


@pytest.mark.parametrize(("rows", "classes"), [(10_000, 77), (500, 2), (60, 3), (30, 77)])
def test_subset_sizes_rise_to_all_rows(rows: int, classes: int) -> None:
    found = subset_sizes(rows, classes)
    assert found == sorted(set(found))
    assert found[-1] == rows
    assert len(found) == 1 or found[0] >= 2 * classes

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from property_profiles import examples
from sklearn.metrics import f1_score

from glossator.evaluation.calibration.thresholds import threshold_candidates, tune_thresholds
from glossator.service.errors import InputError

# Few different values, so that ties are frequent; 0, 1 and neighbouring floats, where midpoints are a trap.
VALUES = st.one_of(st.sampled_from([0.0, 1.0, 0.5, float(np.nextafter(0.5, 1)), 0.1, 0.3, 0.7]), st.floats(0.0, 1.0))


@st.composite
def scored(draw: st.DrawFn) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Gold rows and probabilities of one label."""
    rows = draw(st.integers(1, 25))
    return draw(arrays(np.bool_, (rows, 1))), draw(arrays(np.float64, (rows, 1), elements=VALUES))


def f1_at(threshold: float, gold: NDArray[np.bool_], probability: NDArray[np.float64]) -> Fraction:
    """F1 by its definition, with no rounding."""
    given_to = probability >= threshold
    sizes = int(gold.sum()) + int(given_to.sum())
    return Fraction(2 * int((gold & given_to).sum()), sizes) if sizes else Fraction(0)


@given(scored())
@settings(max_examples=examples(300))
def test_thresholds_equal_a_brute_force_search(case: tuple[NDArray[np.bool_], NDArray[np.float64]]) -> None:
    gold, probability = case[0][:, 0], case[1][:, 0]
    scores = {
        threshold: f1_at(threshold, gold, probability) for threshold in threshold_candidates(probability).tolist()
    }
    winners = [threshold for threshold, score in scores.items() if score == max(scores.values())]
    nearest = min(winners, key=lambda threshold: (abs(threshold - 0.5), threshold))
    assert tune_thresholds(*case, min_positives=1) == [nearest if gold.any() else 0.5]


@given(scored())
@settings(max_examples=examples(300))
def test_no_other_threshold_is_better(case: tuple[NDArray[np.bool_], NDArray[np.float64]]) -> None:
    gold, probability = case[0][:, 0], case[1][:, 0]
    (tuned,) = tune_thresholds(*case, min_positives=1)
    assert 0.0 <= tuned <= 1.0
    reached = f1_at(tuned, gold, probability)
    assert all(f1_at(other, gold, probability) <= reached for other in [0.0, 0.5, 1.0, *probability])


def test_thresholds_lie_midway_between_neighbours() -> None:
    assert threshold_candidates(np.array([0.2, 0.8, 0.4, 0.2])).tolist() == pytest.approx([0.1, 0.3, 0.5, 0.6])


@given(scored())
def test_threshold_candidates_separate_all_neighbours(case: tuple[NDArray[np.bool_], NDArray[np.float64]]) -> None:
    probability = case[1][:, 0]
    given_rows = {int((probability >= threshold).sum()) for threshold in threshold_candidates(probability)}
    assert given_rows >= {int((probability >= value).sum()) for value in probability}


def test_thresholds_stay_at_one_half_without_a_gain() -> None:
    probability = np.array([[0.9], [0.8], [0.7], [0.2], [0.1]])
    perfect_already = np.array([[True], [True], [True], [False], [False]])
    assert tune_thresholds(perfect_already, probability, min_positives=1) == [0.5]
    one_more = np.array([[True], [True], [True], [True], [False]])
    assert tune_thresholds(one_more, probability, min_positives=1) == [pytest.approx(0.15)]


def test_thresholds_of_rare_labels_stay_at_one_half() -> None:
    gold = np.zeros((50, 3), dtype=bool)
    gold[:4, 0] = gold[:5, 1] = True
    probability = np.where(gold, 0.3, 0.1)
    assert tune_thresholds(gold, probability) == [0.5, pytest.approx(0.2), 0.5]
    assert tune_thresholds(gold, probability, min_positives=0) == [pytest.approx(0.2), pytest.approx(0.2), 0.5]


def test_thresholds_raise_macro_f1_of_a_model_with_low_probabilities() -> None:
    rng = np.random.default_rng(0)
    gold = rng.random((800, 6)) < 0.2
    probability = 1 / (1 + np.exp(-(rng.normal(size=gold.shape) - 3 + 3 * gold)))
    tuned = np.array(tune_thresholds(gold, probability))
    before = f1_score(gold, probability >= 0.5, average="macro")
    after = f1_score(gold, probability >= tuned, average="macro")
    assert after > before + 0.05


def test_thresholds_refuse_arrays_that_are_not_probabilities() -> None:
    gold = np.ones((2, 1), dtype=bool)
    with pytest.raises(InputError, match="not probabilities"):
        tune_thresholds(gold, np.array([[0.5], [np.nan]]))
    with pytest.raises(InputError, match="do not match"):
        tune_thresholds(gold, np.array([[0.5], [0.5], [0.5]]))

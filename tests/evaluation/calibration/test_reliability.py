from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss

from glossator.evaluation.calibration.reliability import brier_score, expected_calibration_error, reliability_bins


def test_calibration_error_by_hand() -> None:
    # Two bins have rows: (0.6, 0.6667] has 2, mean 0.63, 1 right; (0.8667, 0.9333] has 3, mean 0.9, 3 right.
    confidence = np.array([0.62, 0.64, 0.88, 0.90, 0.92])
    correct = np.array([True, False, True, True, True])
    by_hand = 2 / 5 * abs(0.63 - 1 / 2) + 3 / 5 * abs(0.9 - 1.0)
    assert expected_calibration_error(confidence, correct) == pytest.approx(by_hand)
    low, high = reliability_bins(confidence, correct)
    assert (low.count, low.accuracy, high.count, high.accuracy) == (2, 0.5, 3, 1.0)
    assert (low.confidence, high.confidence) == pytest.approx((0.63, 0.9))
    assert (high.low, high.high) == pytest.approx((13 / 15, 14 / 15))


def test_calibration_error_is_0_if_shares_match_and_1_if_certain_answers_are_wrong() -> None:
    assert expected_calibration_error(np.full(4, 0.75), np.array([True, True, True, False])) == 0.0
    assert expected_calibration_error(np.ones(7), np.zeros(7, dtype=bool)) == 1.0


def test_calibration_bins_close_above() -> None:
    # As in Guo et al. (2017): 0.2 belongs to (0.1, 0.2], and 0 to the first bin.
    bins = reliability_bins(np.array([0.0, 0.2, 0.2000001, 1.0]), np.ones(4, dtype=bool), bins=10)
    assert [(round(b.low, 1), b.count) for b in bins] == [(0.0, 1), (0.1, 1), (0.2, 1), (0.9, 1)]


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1)), st.integers(0, 99))
def test_calibration_error_counts_every_row_and_equals_a_loop(confidence: NDArray[np.float64], seed: int) -> None:
    correct = np.random.default_rng(seed).random(len(confidence)) < 0.5
    assert sum(b.count for b in reliability_bins(confidence, correct)) == len(confidence)
    total = 0.0
    edges = np.linspace(0, 1, 16)
    for low, high in pairwise(edges):
        inside = (confidence > low) & (confidence <= high) | (low == 0.0) & (confidence == 0.0)
        if inside.any():
            total += inside.sum() * abs(confidence[inside].mean() - correct[inside].mean())
    assert expected_calibration_error(confidence, correct) == pytest.approx(total / len(confidence), abs=1e-12)


def test_brier_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), size=60)
    gold = rng.integers(4, size=60)
    expected = brier_score_loss(gold, probabilities, labels=[0, 1, 2, 3], scale_by_half=False)
    assert brier_score(np.eye(4, dtype=bool)[gold], probabilities) == pytest.approx(expected)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from sklearn.metrics import precision_score, recall_score

from glossator.evaluation.metrics.threshold_curve import CURVE_POINTS, threshold_curve


@settings(max_examples=examples(20))
@given(st.integers(0, 10**6))
def test_multi_label_points_are_micro_precision_and_recall(seed: int) -> None:
    chance = np.random.default_rng(seed)
    truth, scores = chance.random((20, 3)) < 0.4, np.round(chance.random((20, 3)), 2)
    curve = threshold_curve(truth, scores, single_label=False)
    assert len(curve) == CURVE_POINTS
    for point in curve:
        decided = scores >= point.threshold
        assert point.given == pytest.approx(decided.sum() / 20)
        assert point.precision == pytest.approx(precision_score(truth, decided, average="micro", zero_division=1))
        expected = recall_score(truth, decided, average="micro", zero_division=0)
        assert point.recall == pytest.approx(expected)


@settings(max_examples=examples(20))
@given(st.integers(0, 10**6))
def test_single_label_points_use_only_the_most_probable_label(seed: int) -> None:
    chance = np.random.default_rng(seed)
    probability = chance.dirichlet(np.ones(4), size=25)
    truth = np.eye(4, dtype=bool)[chance.integers(0, 4, 25)]
    for point in threshold_curve(truth, probability, single_label=True):
        kept = probability.max(axis=1) >= point.threshold
        right = truth[np.arange(25), probability.argmax(axis=1)]
        assert point.given == pytest.approx(kept.mean())
        assert point.recall == pytest.approx((right & kept).mean())
        assert point.precision == pytest.approx(right[kept].mean() if kept.any() else 1.0)

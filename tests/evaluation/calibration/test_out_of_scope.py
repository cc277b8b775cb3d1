"""The limit for out-of-scope texts refuses the stated share of in-scope texts, also of new ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from task_factory import make_task

from glossator.evaluation.calibration.out_of_scope import (
    calibrate_out_of_scope,
    fit_out_of_scope,
    knows_scope,
    rows_needed,
)
from glossator.evaluation.calibration.task_calibration import calibrate_task
from glossator.service.bundle.task import Classifier
from glossator.service.tasks.text_classification import find_out_of_scope, probabilities

LABELS = ["a", "b", "c"]


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=200), st.sampled_from([0.01, 0.05, 0.1, 0.3]))
def test_at_most_the_stated_share_of_the_rows_is_refused(confidence: list[float], refused: float) -> None:
    found = fit_out_of_scope(np.array(confidence), refused)
    assert (found is None) == (len(confidence) < rows_needed(refused))
    if found is not None:
        assert np.mean(np.array(confidence) < found.threshold) <= refused
        assert (found.refused, found.rows) == (refused, len(confidence))


@pytest.mark.parametrize("refused", [0.05, 0.2])
def test_new_texts_of_the_same_kind_are_refused_as_often_as_stated(refused: float) -> None:
    generator = np.random.default_rng(4)
    shares = []
    for _ in range(400):
        found = fit_out_of_scope(generator.beta(5, 1, size=150), refused)
        assert found is not None
        shares.append(np.mean(generator.beta(5, 1, size=400) < found.threshold))
    assert refused - 0.012 <= np.mean(shares) <= refused + 0.004


def test_calibrating_again_keeps_the_share_and_fits_a_new_limit() -> None:
    generator = np.random.default_rng(1)
    task = make_task("text-classification", LABELS)
    assert isinstance(task, Classifier)
    gold = np.eye(3, dtype=bool)[generator.integers(3, size=200)]
    logits = generator.normal(size=(200, 3)) + 2.0 * gold
    assert calibrate_task(task, gold, logits).calibration.out_of_scope is None
    once = calibrate_out_of_scope(calibrate_task(task, gold, logits), logits, 0.1)
    again = calibrate_task(once, gold, 3.0 * logits)
    assert once.calibration.out_of_scope is not None
    assert again.calibration.out_of_scope is not None
    assert again.calibration.out_of_scope.refused == 0.1
    assert again.calibration.temperature == pytest.approx(3.0 * once.calibration.temperature, rel=1e-3)
    refused = find_out_of_scope(probabilities(3.0 * logits, again), again)
    assert refused is not None
    assert 0.08 <= refused.mean() <= 0.1


def test_only_models_with_one_label_per_text_know_out_of_scope_texts() -> None:
    assert knows_scope(make_task("text-classification", LABELS))
    assert not knows_scope(make_task("text-classification", LABELS, "multi_label_classification"))
    assert not knows_scope(make_task("text-pair", LABELS))
    assert not knows_scope(make_task("token-classification"))

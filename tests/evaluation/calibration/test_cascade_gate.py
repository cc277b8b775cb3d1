"""The gate of a cascade."""

from __future__ import annotations

import numpy as np
import pytest

from glossator.evaluation.calibration.cascade_gate import fit_gate
from glossator.evaluation.statistics.noninferiority import compare_accuracies


def test_a_fast_model_that_is_as_good_answers_all() -> None:
    generator = np.random.default_rng(1)
    right = generator.random(2_000) < 0.9
    gate = fit_gate(generator.random(2_000), right, right)
    assert gate is not None
    assert (gate.threshold, gate.share) == (0.0, 1.0)
    assert gate.comparison.flips == 0


def test_the_gate_keeps_to_texts_that_the_fast_model_gets_right() -> None:
    confidence = np.linspace(0.0, 1.0, 4_000)
    fast = confidence > 0.5  # wrong wherever it is less sure
    full = np.ones(4_000, dtype=bool)
    gate = fit_gate(confidence, fast, full)
    assert gate is not None
    assert 0.45 <= gate.share <= 0.51
    taken = confidence >= gate.threshold
    assert taken.mean() == pytest.approx(gate.share)
    assert compare_accuracies(np.where(taken, fast, full), full).non_inferior


def test_too_few_rows_show_nothing() -> None:
    right = np.ones(100, dtype=bool)
    assert fit_gate(np.linspace(0, 1, 100), right, right) is None


def test_a_model_that_is_sure_and_wrong_gets_no_gate() -> None:
    confidence = np.linspace(0.0, 1.0, 2_000)
    assert fit_gate(confidence, confidence < 0.5, np.ones(2_000, dtype=bool)) is None


def test_the_promise_is_kept_as_often_as_it_says() -> None:
    """On fresh rows a gate that loses more than the margin comes up in at most about 5 % of the draws."""
    generator = np.random.default_rng(7)
    kept, fitted = 0, 0
    for _ in range(200):
        confidence = generator.random(3_000)
        full = generator.random(3_000) < 0.93
        # The less sure, the worse: at a share s of the texts the cascade truly loses 0.06 * s squared.
        fast = np.where(generator.random(3_000) < 0.12 * (1.0 - confidence), False, full)
        gate = fit_gate(confidence, fast, full)
        if gate is None:
            continue
        fitted += 1
        share = 1.0 - gate.threshold
        kept += 0.93 * 0.06 * share**2 <= 0.005
    assert fitted > 150
    assert kept / fitted >= 0.9

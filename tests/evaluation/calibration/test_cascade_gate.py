"""The gate of a cascade."""

from __future__ import annotations

import numpy as np
import pytest

from glossator.evaluation.calibration.cascade_gate import fit_gate
from glossator.evaluation.statistics.noninferiority import compare_accuracies


def test_an_equally_good_fast_model_answers_all_texts() -> None:
    generator = np.random.default_rng(1)
    right = generator.random(2_000) < 0.9
    gate = fit_gate(generator.random(2_000), right, right)
    assert gate is not None
    assert (gate.threshold, gate.share) == (0.0, 1.0)
    assert gate.comparison.flips == 0


def test_the_gate_selects_texts_that_the_fast_model_gets_right() -> None:
    confidence = np.linspace(0.0, 1.0, 4_000)
    fast = confidence > 0.5  # wrong where it is less confident
    full = np.ones(4_000, dtype=bool)
    gate = fit_gate(confidence, fast, full)
    assert gate is not None
    assert 0.45 <= gate.share <= 0.51
    taken = confidence >= gate.threshold
    assert taken.mean() == pytest.approx(gate.share)
    assert compare_accuracies(np.where(taken, fast, full), full).non_inferior


def test_too_few_rows_give_no_gate() -> None:
    right = np.ones(100, dtype=bool)
    assert fit_gate(np.linspace(0, 1, 100), right, right) is None


def test_a_confident_but_wrong_model_gets_no_gate() -> None:
    confidence = np.linspace(0.0, 1.0, 2_000)
    assert fit_gate(confidence, confidence < 0.5, np.ones(2_000, dtype=bool)) is None


def test_the_margin_holds_on_fresh_rows_as_often_as_stated() -> None:
    """A gate that loses more than the margin on fresh rows is fitted in at most about 5 % of the draws."""
    generator = np.random.default_rng(7)
    kept, fitted = 0, 0
    for _ in range(200):
        confidence = generator.random(3_000)
        full = generator.random(3_000) < 0.93
        # Less confident answers are worse: at a share s of the texts the cascade truly loses 0.06 * s squared.
        fast = np.where(generator.random(3_000) < 0.12 * (1.0 - confidence), False, full)
        gate = fit_gate(confidence, fast, full)
        if gate is None:
            continue
        fitted += 1
        share = 1.0 - gate.threshold
        kept += 0.93 * 0.06 * share**2 <= 0.005
    assert fitted > 150
    assert kept / fitted >= 0.9

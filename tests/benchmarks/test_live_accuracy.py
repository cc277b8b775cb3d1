"""The simulation of live accuracy counts what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.loop import live_accuracy
from benchmarks.loop.live_accuracy import Answers, confidences_of, excludes, report, shares_of_labels, simulate
from glossator.service.statistics.confidence_sequence import Draws


def is_excluded(values: np.ndarray, mean: float) -> bool:
    draws = Draws(values, 0.0, 1.0, 0.0, 1.0)
    return excludes(draws.bets(), (-draws).bets(), mean, math.log(40.0))


def test_an_interval_that_excludes_the_accuracy_at_one_draw_is_a_miss() -> None:
    assert is_excluded(np.ones(200), 0.5)
    assert not is_excluded(np.ones(200), 0.995)
    later = np.concatenate([np.ones(60), np.zeros(60)])
    assert is_excluded(later, 0.5)  # after 60 draws; after 120 it would not be excluded


def test_half_the_labels_for_the_same_width_are_a_share_of_a_half() -> None:
    uniform = 1.0 / np.sqrt(live_accuracy._LOOKS)
    assert shares_of_labels(uniform / np.sqrt(2.0), uniform) == pytest.approx([0.5] * 5, abs=0.01)
    assert shares_of_labels(uniform * 2.0, uniform)[-1] is None


def test_a_small_simulation_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_accuracy, "ITEMS", 500)
    monkeypatch.setattr(live_accuracy, "MEASURED_WIDTHS", 1)
    monkeypatch.setattr(live_accuracy, "LABELS", (50, 100))
    monkeypatch.setattr(live_accuracy, "_LOOKS", np.array([25, 50, 100]))
    random = np.random.default_rng(1)
    confidence = random.beta(6, 1, 800)
    answers = Answers(confidence, (random.random(800) < confidence).astype(float))
    kinds = {name: simulate(each, 2, shift="shift" in name) for name, each in confidences_of(answers).items()}
    text = report({"items": 500, "repetitions": 2, "alpha": 0.05, "corpora": {"toy": kinds}})
    assert len([line for line in text.splitlines() if line.startswith("| toy")]) == 5
    assert kinds["of the model"]["labels"] == [50, 100]
    assert kinds["of the model"]["accuracy"] == pytest.approx(answers.correct.mean(), abs=0.05)
    assert kinds["of the model, with a shift"]["accuracy"] < kinds["of the model"]["accuracy"]

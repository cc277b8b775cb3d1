"""The simulation of live accuracy counts what it says."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.loop import live_accuracy
from benchmarks.loop.live_accuracy import Answers, confidences_of, excludes, report, simulate
from glossator.service.statistics.confidence_sequence import Draws


def test_an_interval_that_excludes_the_accuracy_at_one_draw_is_a_miss() -> None:
    right = Draws(np.ones(200), 0.0, 1.0, 0.0, 1.0)
    assert excludes(right, 0.5)
    assert not excludes(right, 0.995)
    later = Draws(np.concatenate([np.ones(60), np.zeros(60)]), 0.0, 1.0, 0.0, 1.0)
    assert excludes(later, 0.5)  # after 60 draws; after 120 it would not be excluded


def test_a_small_simulation_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_accuracy, "ITEMS", 500)
    monkeypatch.setattr(live_accuracy, "_MEASURED_WIDTHS", 1)
    monkeypatch.setattr(live_accuracy, "PLANNED", (100,))
    random = np.random.default_rng(1)
    confidence = random.beta(6, 1, 800)
    answers = Answers(confidence, (random.random(800) < confidence).astype(float))
    kinds = {name: simulate(each, 2) for name, each in confidences_of(answers).items()}
    text = report({"items": 500, "repetitions": 2, "alpha": 0.05, "corpora": {"toy": kinds}})
    assert len([line for line in text.splitlines() if line.startswith("| toy")]) == 3
    assert kinds["of the model"]["100"]["labels"] == [100]
    assert kinds["of the model"]["accuracy"] == answers.correct.mean()

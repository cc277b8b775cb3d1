"""The simulation of promotions counts what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.loop import promotion
from benchmarks.loop.promotion import Rates, labels_until, labels_until_bound, labels_until_mcnemar, report, simulate
from glossator.evaluation.statistics.noninferiority import paired_proportions_interval
from glossator.service.statistics.disagreements import Question, Sample, is_refuted

RATES = Rates(0.026, 0.012, 0.009)


def sample_of(outcomes: list[float]) -> Sample:
    """A disagreement in every tenth text."""
    positions = np.arange(len(outcomes), dtype=np.int64) * 10
    return Sample(10 * len(outcomes), len(outcomes), positions, np.array(outcomes), 10 * len(outcomes))


def test_labels_are_counted_until_the_first_decision() -> None:
    question = Question("promote", 0.005, 0.05)
    better = sample_of([1.0] * 200)
    labels = labels_until(better, question)
    assert labels is not None
    assert 3 < labels < 40
    first = Sample(2_000, 200, better.positions[:labels], better.outcomes[:labels], 10 * labels)
    assert is_refuted([first], question)
    assert labels_until(sample_of([-1.0] * 200), question) is None
    assert labels_until(sample_of([-1.0] * 200), Question("roll back", 0.005, 0.05)) is not None


def test_other_tests_are_looked_at_daily() -> None:
    assert labels_until_mcnemar(sample_of([1.0] * 100)) == 20
    assert labels_until_mcnemar(sample_of([-1.0] * 20 + [1.0] * 80)) is None  # it was found worse
    assert labels_until_mcnemar(sample_of([1.0, -1.0] * 50)) is None
    assert labels_until_bound(sample_of([1.0] * 100)) == 20
    assert labels_until_bound(sample_of([-1.0] * 100)) is None


def test_the_score_bound_is_that_of_compare() -> None:
    for seed in range(6):
        sample = promotion.draw(RATES.with_difference((-0.004, 0.0, 0.004)[seed % 3]), [seed])
        gained, lost = np.cumsum(sample.outcomes > 0), np.cumsum(sample.outcomes < 0)
        texts = np.append(sample.positions[1:], sample.next_position)
        looks = range(19, len(sample.outcomes), 20)
        bounds = [paired_proportions_interval(int(gained[at]), int(lost[at]), int(texts[at]))[0] for at in looks]
        above = [at + 1 for at, bound in zip(looks, bounds, strict=True) if bound > -0.005]
        assert labels_until_bound(sample) == (above[0] if above else None)


def test_rates_keep_the_disagreements() -> None:
    changed = RATES.with_difference(-0.03)
    assert changed.challenger - changed.champion == pytest.approx(-0.03)
    assert changed.challenger + changed.champion == pytest.approx(0.038)
    assert changed.neither == RATES.neither


def test_a_small_simulation_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """30 lives at the margin: at most 1.5 wrong ones are expected, 8 are far outside."""
    monkeypatch.setattr(promotion, "LABELS", 200)
    monkeypatch.setattr(promotion, "TEXTS", 6_000)
    found = simulate(RATES, 30)
    assert found["first"]["2 points better"]["share"] > 0.9
    assert found["life"]["at the margin"]["wrong"] < 8 / 30
    assert found["life"]["3 points worse"]["wrong"] == 0.0
    assert found["roll back"]["3 points worse"]["median_labels"] < 200
    assert math.isfinite(found["planned"])
    text = report(
        {
            "replays": 30, "alpha": 0.05, "margin": 0.005, "texts": 6_000, "labels": 200, "challengers": 5,
            "pairs": {"toy": found},
        }
    )  # fmt: skip
    assert "| 3 points worse" in text

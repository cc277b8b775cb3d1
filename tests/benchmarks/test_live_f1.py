"""The simulation of live F1 counts what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.loop import live_f1
from benchmarks.loop.live_f1 import KINDS, answer, entity_counts, report, simulate


def test_entities_of_sentences_are_counted(tmp_path: Path) -> None:
    rows = "# a comment\nAnn\tB-PER\nLee\tI-PER\nmet\tO\nBob\tB-PER\n\n\nyes\tO\n\n1\tParis\tB-LOC\t-\n"
    (tmp_path / "test.iob2").write_text(rows)
    assert entity_counts(tmp_path / "test.iob2").tolist() == [2, 0, 1]


def test_answers_have_no_more_right_entities_than_there_are() -> None:
    gold = np.random.default_rng(1).poisson(1.5, 2_000)
    texts = answer(gold, np.random.default_rng(2), "right")
    assert (texts.right <= np.minimum(texts.served, gold)).all()
    assert (np.isnan(texts.confidence) == (texts.served == 0)).all()
    exact = (texts.right == texts.served) & (texts.right == gold)
    known = texts.served > 0
    assert exact[known].mean() == pytest.approx(texts.confidence[known].mean(), abs=0.05)


def test_a_small_simulation_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_f1, "ITEMS", 500)
    monkeypatch.setattr(live_f1, "MEASURED_WIDTHS", 1)
    monkeypatch.setattr(live_f1, "LABELS", (50, 100))
    gold = np.random.default_rng(1).poisson(1.5, 400)
    kinds = {kind: simulate(gold, kind, 2) for kind in KINDS}
    text = report({"items": 500, "repetitions": 2, "alpha": 0.05, "corpora": {"toy": kinds}})
    assert len([line for line in text.splitlines() if line.startswith("| toy")]) == 3
    assert kinds["right"]["half_widths"][1] < kinds["right"]["half_widths"][0]
    assert kinds["right"]["normal_half_widths"][1] < kinds["right"]["half_widths"][1]

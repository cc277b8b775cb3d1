from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from glossator.evaluation.analysis.model_selection import Budget, Selection, TriedModel, choose_model
from glossator.evaluation.reports.plots.selection_plot import selection_svg
from glossator.evaluation.reports.selection_report import selection_report

WRONG_ROWS = {"floor": 1_000, "fast": 204, "full": 200}
SPEEDS = {"floor": 1e5, "fast": 5_000.0, "full": 100.0}


@pytest.fixture(scope="module")
def selection() -> Selection:
    gold = np.eye(2, dtype=bool)[np.arange(2_000) % 2]
    models, decided = [], {}
    for name, wrong in WRONG_ROWS.items():
        decided[name] = gold ^ (np.arange(2_000) < wrong)[:, np.newaxis]
        accuracy = 1.0 - wrong / 2_000
        models.append(TriedModel(name, accuracy, accuracy - 0.01, accuracy + 0.01, SPEEDS[name], 1.0, 2.0, 3.0))
    skipped = {"few-shot": "too many rows"}
    budget = Budget(max_size_mb=5.0)
    return choose_model(models, decided, gold, budget, metric="accuracy", margin=0.01, skipped=skipped)


def test_report_names_the_choice_and_says_why(selection: Selection) -> None:
    report = selection_report(selection)
    assert report.startswith("# Selected model: fast\n")
    assert "**fast** is the cheapest model that is not measurably worse than the best (full)" in report
    assert "Budget: at most 5 MB." in report
    assert "- full: the best, but fast is cheaper and not measurably worse." in report
    assert "- few-shot: too many rows" in report
    for name in WRONG_ROWS:
        assert f"| {name} " in report


def test_plot_names_every_model_and_is_deterministic(selection: Selection) -> None:
    plot = selection_svg(selection)
    ElementTree.fromstring(plot)
    assert all(name in plot for name in WRONG_ROWS)
    assert "(selected)" in plot
    assert plot == selection_svg(selection)

"""The report of a comparison, read as text."""

from __future__ import annotations

import numpy as np
from task_factory import make_task

from glossator.evaluation.analysis.comparison import compare_models
from glossator.evaluation.metrics.model_answers import ModelAnswers
from glossator.evaluation.reports.comparison_report import comparison_report
from glossator.modeling.labelled_rows import LabelledRows

LABELS = ["a", "b", "c"]


def report(*, margin: float | None = None) -> str:
    """The report on three models: `new` gains 20 rows and loses 2, `same` answers like the baseline `old`."""
    gold = np.repeat([0, 1, 2], 40)
    old, new = gold.copy(), gold.copy()
    old[:20] = (old[:20] + 1) % 3
    new[118:] = 0
    rows = LabelledRows([f"text {row}" for row in range(120)], [(LABELS[label],) for label in gold])
    task = make_task("text-classification", LABELS)
    decisions = {"old": old, "new": new, "same": old}
    models = [ModelAnswers(name, task, np.eye(3, dtype=bool)[labels], None) for name, labels in decisions.items()]
    return comparison_report(rows, models, compare_models(rows, models, margin=margin))


def test_verdicts_give_the_difference_and_what_the_test_set_can_detect() -> None:
    text = report()
    assert text.startswith("## Comparison with old: accuracy on 120 rows\n")
    assert "**new is better** than old by 15.00 points of accuracy (95 % interval " in text
    assert "**same: no difference found.** Its accuracy equals that of old." in text
    assert "This test set can detect differences of about 4.0 points or more." in text
    assert "non-inferior" not in text


def test_a_margin_adds_whether_the_model_is_non_inferior() -> None:
    text = report(margin=0.01)
    assert "It is at most 1 points worse (non-inferior): at worst, the difference is +9." in text
    assert "It may be more than 1 points worse (not shown to be non-inferior): at worst, the difference is -2." in text


def test_gained_and_lost_rows_are_listed_with_both_answers() -> None:
    text = report()
    assert "### Rows that only new gets right, compared with old" in text
    assert "### Rows that only old gets right, compared with new" in text
    assert "| 119 | text 118 | c    | c   | a   |" in text


def test_every_column_with_a_statistic_is_explained() -> None:
    text = report()
    header = next(line for line in text.splitlines() if line.startswith("| model"))
    legend = [line for line in text.splitlines() if line.startswith("- ")]
    for column in ("95 % interval", "p", "p, corrected", "detectable", "gained", "lost"):
        assert f"| {column} " in header or f" {column} |" in header
        assert any(f"{column}:" in line for line in legend)

from __future__ import annotations

from collections.abc import Callable

from glossator.evaluation.metrics.classification import Evaluation
from glossator.evaluation.reports.evaluation_report import (
    class_table,
    confusion_table,
    evaluation_report,
    headline_table,
)

LABELS = ["billing", "delivery", "login", "other", "refund"]
Make = Callable[..., Evaluation]


def cells(table: str) -> list[list[str]]:
    """The cells of a Markdown table, without its header."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_headline_table_has_every_metric_with_its_interval(single_label: Make, multi_label: Make) -> None:
    for result in (single_label(LABELS), multi_label(LABELS)):
        rows = cells(headline_table(result))
        assert len(rows) == len(result.metrics) + (2 if result.ece_before is None else 3)
        for row, estimate in zip(rows, result.metrics.values(), strict=False):
            assert row[1:] == [f"{estimate.value:.4f}", f"{estimate.low:.4f} to {estimate.high:.4f}"]
        expected = [result.ece, result.ece_before, result.brier]
        shown = [f"{value:.4f}" for value in expected if value is not None]
        assert [row[1] for row in rows[len(result.metrics) :]] == shown
        assert "bootstrap, 100 resamples" in headline_table(result)


def test_class_table_shows_the_lowest_f1_first_and_counts_the_rest(single_label: Make) -> None:
    result = single_label(LABELS)
    table = class_table(result, limit=3)
    shown = [float(row[1]) for row in cells(table)]
    assert shown == [round(f1, 3) for f1 in sorted(score.f1 for score in result.classes)[:3]]
    assert "Shown: the 3 labels with the lowest F1, of 5." in table
    assert "lowest" not in class_table(result, limit=5)


def test_class_table_puts_labels_that_never_occur_last_and_counts_them(single_label: Make) -> None:
    fields = single_label(LABELS).to_dict()
    fields["classes"][1] |= {"support": 0, "predicted": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    table = class_table(Evaluation.from_dict(fields))
    assert cells(table)[-1][0] == "delivery"
    assert "never predicted: 1; each counts as 0 in macro F1" in table


def test_confusion_table_shows_the_most_frequent_mistakes(single_label: Make, multi_label: Make) -> None:
    result = single_label(LABELS)
    top = result.top_confusions(4)
    assert cells(confusion_table(result, limit=4)) == [
        [each.gold, each.predicted, str(each.count), f"{100 * each.share:.1f} %"] for each in top
    ]
    assert confusion_table(multi_label(LABELS)) == "A multi-label task has no confusions."
    perfect = result.to_dict() | {"confusion": [[5 if i == j else 0 for j in range(5)] for i in range(5)]}
    assert confusion_table(Evaluation.from_dict(perfect)) == "Every row has the right label."


def test_report_has_all_parts(single_label: Make, multi_label: Make) -> None:
    text = evaluation_report(single_label(LABELS, name="validation"), max_classes=2)
    assert text.startswith("## validation (400 rows, 5 labels)\n")
    assert [line for line in text.splitlines() if line.startswith("###")] == [
        "### Labels, lowest F1 first",
        "### Most frequent confusions",
    ]
    assert "confusions" not in evaluation_report(multi_label(LABELS))

from __future__ import annotations

from collections.abc import Callable

from glossator.evaluation.markdown import display_width, markdown_table
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
    """The cells of a Markdown table without header and rule."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_report_table_is_even_and_no_cell_can_break_it() -> None:
    table = markdown_table(["label", "F1"], [["a|b\nc", "1"], ["配送", "0.25"], ["__init__", "*x*"]], right=[1])
    assert table.splitlines() == [
        "| label        |    F1 |",
        "|--------------|------:|",
        "| a\\|b c       |     1 |",
        "| 配送         |  0.25 |",
        "| \\_\\_init\\_\\_ | \\*x\\* |",
    ]
    assert len({display_width(line) for line in table.splitlines()}) == 1


def test_report_keeps_snake_case_as_it_is() -> None:
    assert "| card_not_working |" in markdown_table(["x"], [["card_not_working"]])


def test_report_headline_has_every_metric_with_its_interval(single_label: Make, multi_label: Make) -> None:
    for result in (single_label(LABELS), multi_label(LABELS)):
        rows = cells(headline_table(result))
        assert len(rows) == len(result.metrics) + (2 if result.ece_before is None else 3)
        for row, estimate in zip(rows, result.metrics.values(), strict=False):
            assert row[1:] == [f"{estimate.value:.4f}", f"{estimate.low:.4f} to {estimate.high:.4f}"]
        expected = [result.ece, result.ece_before, result.brier]
        shown = [f"{value:.4f}" for value in expected if value is not None]
        assert [row[1] for row in rows[len(result.metrics) :]] == shown
        assert "100 bootstrap resamples" in headline_table(result)


def test_report_classes_worst_first_with_a_note_on_those_left_out(single_label: Make) -> None:
    result = single_label(LABELS)
    table = class_table(result, limit=3)
    shown = [float(row[1]) for row in cells(table)]
    assert shown == [round(f1, 3) for f1 in sorted(score.f1 for score in result.classes)[:3]]
    assert "The 3 labels with the lowest F1, of 5." in table
    assert "lowest" not in class_table(result, limit=5)


def test_report_labels_that_never_occur_come_last_and_are_counted(single_label: Make) -> None:
    fields = single_label(LABELS).to_dict()
    fields["classes"][1] |= {"support": 0, "predicted": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    table = class_table(Evaluation.from_dict(fields))
    assert cells(table)[-1][0] == "delivery"
    assert "never given: 1; each counts as 0 in macro F1" in table


def test_report_confusions(single_label: Make, multi_label: Make) -> None:
    result = single_label(LABELS)
    top = result.top_confusions(4)
    assert cells(confusion_table(result, limit=4)) == [
        [each.gold, each.predicted, str(each.count), f"{each.share:.1%}"] for each in top
    ]
    assert confusion_table(multi_label(LABELS)) == "Confusions are not defined for multi-label."
    perfect = result.to_dict() | {"confusion": [[5 if i == j else 0 for j in range(5)] for i in range(5)]}
    assert confusion_table(Evaluation.from_dict(perfect)) == "No row was given a wrong label."


def test_report_has_all_parts(single_label: Make, multi_label: Make) -> None:
    text = evaluation_report(single_label(LABELS, name="validation"), classes_shown=2)
    assert text.startswith("## validation (400 rows, 5 labels)\n")
    assert [line for line in text.splitlines() if line.startswith("###")] == [
        "### Labels, lowest F1 first",
        "### Commonest confusions",
    ]
    assert "confusions" not in evaluation_report(multi_label(LABELS))

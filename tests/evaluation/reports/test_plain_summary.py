"""The summary in plain sentences, compared with the figures that it is made of."""

from __future__ import annotations

from collections.abc import Callable

from glossator.evaluation.metrics.classification import Evaluation
from glossator.evaluation.reports.evaluation_report import evaluation_report
from glossator.evaluation.reports.plain_summary import plain_summary

LABELS = ["billing", "delivery", "refund"]
Make = Callable[..., Evaluation]


def test_summary_says_how_good_the_model_is_and_where_it_fails(single_label: Make) -> None:
    evaluation = single_label(LABELS)
    summary = plain_summary(evaluation)
    share = f"{100 * evaluation.metrics['accuracy'].value:.1f} %"
    assert f"The model gives the right label to {share} (95 % interval " in summary
    most = max(evaluation.classes, key=lambda each: each.support)
    frequent = f"Always answering `{most.label}`, the most frequent label, would be right for {most.support / 4:.1f} %."
    assert frequent in summary  # of 400 rows
    worst = min(evaluation.classes, key=lambda each: (each.f1, -each.support))
    assert f"The weakest labels by F1: `{worst.label}` ({worst.f1:.2f} on {worst.support} rows)" in summary
    mistake = evaluation.top_confusions(1)[0]
    assert f"mistake: `{mistake.predicted}` instead of `{mistake.gold}` ({mistake.count} rows)." in summary
    assert summary in evaluation_report(evaluation)


def test_summary_of_multi_label_counts_labels(multi_label: Make) -> None:
    evaluation = multi_label(LABELS)
    gold = sum(each.support for each in evaluation.classes)
    found = 100 * evaluation.metrics["micro_f1"].value * (gold + sum(each.predicted for each in evaluation.classes)) / 2
    assert f"finds {found / gold:.1f} % of the {gold} labels that apply" in plain_summary(evaluation)

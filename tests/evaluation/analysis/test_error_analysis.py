from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from glossator.evaluation.analysis.error_analysis import ErrorAnalysis, analyse_errors, change_since_run
from glossator.evaluation.metrics.evaluate import evaluate_pipeline, evaluate_with_answers
from glossator.evaluation.reports.error_analysis_report import error_analysis_report
from glossator.evaluation.reports.evaluation_report import evaluation_report
from glossator.evaluation.reports.plain_summary import plain_summary
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.errors import ConfigError
from glossator.service.inference.model import load

Made = Callable[[str], Path]


@pytest.fixture(scope="module")
def measured(tiny_bundle: Made) -> tuple[object, ...]:
    pipeline = load(tiny_bundle("single_label_classification")).pipeline
    labels = pipeline.task.labels
    rows = LabelledRows(
        [f"text number {row} with `marks`" for row in range(60)],
        [(labels[row % 3],) for row in range(60)],
        extra={"source": ["web" if row % 2 else "mail" for row in range(60)]},
    )
    return pipeline, rows, *evaluate_with_answers(pipeline, rows)


def test_details_name_mistakes_that_are_in_the_rows(measured: tuple) -> None:
    pipeline, rows, evaluation, answers = measured
    details = analyse_errors(pipeline, rows, evaluation, answers, slice_by=["source"], languages=["en"] * 60)
    assert {each.by for each in details.slices} >= {"label", "source"}
    for mistake in details.mistakes:
        for text in mistake.texts:
            gold = rows.labels[rows.texts.index(text)][0]
            assert gold == mistake.gold != mistake.decided
            assert pipeline.predict([text])[0].prediction.label == mistake.decided
    words = error_analysis_report(details)
    assert "### Mistakes as they are" in words
    assert "### Parts of the rows" in words
    assert "written otherwise" not in words
    assert set(details.to_dict()) == {"slices", "mistakes", "robustness"}


def test_languages_part_the_rows_where_there_are_several(measured: tuple) -> None:
    pipeline, rows, evaluation, answers = measured
    details = analyse_errors(pipeline, rows, evaluation, answers, languages=["en", "de"] * 30)
    assert {each.value for each in details.slices if each.by == "language"} == {"en", "de"}


def test_a_column_of_numbers_parts_nothing(measured: tuple) -> None:
    pipeline, rows, evaluation, answers = measured
    odd = LabelledRows(rows.texts, rows.labels, extra={"id": [str(row) for row in range(60)]})
    with pytest.raises(ConfigError, match="does not part"):
        analyse_errors(pipeline, odd, evaluation, answers, slice_by=["id"])


def test_what_came_before_is_told(measured: tuple) -> None:
    evaluation = measured[2]
    accuracy = evaluation.metrics["accuracy"].value
    assert "up from 0.0000" in change_since_run({"accuracy": 0.0}, evaluation, "run-1")
    assert "the same" in change_since_run({"accuracy": accuracy}, evaluation, "run-1")
    assert change_since_run({"f1": 0.5}, evaluation, "run-1") == ""
    assert error_analysis_report(ErrorAnalysis([], before="It was so.")).startswith("### What changed\n\nIt was so.")


def test_the_summary_says_how_good_and_what_is_weakest(measured: tuple) -> None:
    evaluation = measured[2]
    said = plain_summary(evaluation)
    assert f"Of 60 rows it gives the right label to {evaluation.metrics['accuracy'].value:.1%}" in said
    assert "the commonest, would be right for 33.3%" in said
    worst = min(evaluation.classes, key=lambda each: (each.f1, -each.support))
    assert f"It is weakest at `{worst.label}`" in said
    assert said in evaluation_report(evaluation)


def test_intervals_go_by_clusters_where_rows_belong_together(measured: tuple) -> None:
    pipeline, rows, evaluation, _ = measured
    together = LabelledRows(rows.texts, rows.labels, extra={"document": [str(row // 10) for row in range(60)]})
    clustered = evaluate_pipeline(pipeline, together, cluster_by="document")
    assert (evaluation.clusters, clustered.clusters) == (None, 6)
    assert clustered.metrics["accuracy"].value == evaluation.metrics["accuracy"].value
    assert "6 groups of rows that belong together" in evaluation_report(clustered)

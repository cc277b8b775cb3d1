from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from glossator.evaluation.analysis.error_analysis import ErrorAnalysis, analyse_errors, change_since_run
from glossator.evaluation.metrics.evaluate import evaluate_with_answers
from glossator.evaluation.reports.error_analysis_report import error_analysis_report
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.errors import ConfigError
from glossator.service.inference.model import load

Made = Callable[[str], Path]


@pytest.fixture(scope="module")
def evaluated(tiny_bundle: Made) -> tuple[object, ...]:
    pipeline = load(tiny_bundle("single_label_classification")).pipeline
    labels = pipeline.task.labels
    rows = LabelledRows(
        [f"text number {row} with `marks`" for row in range(60)],
        [(labels[row % 3],) for row in range(60)],
        extra={"source": ["web" if row % 2 else "mail" for row in range(60)]},
    )
    return pipeline, rows, *evaluate_with_answers(pipeline, rows)


def test_analysis_lists_mistakes_from_the_rows(evaluated: tuple) -> None:
    pipeline, rows, evaluation, answers = evaluated
    analysis = analyse_errors(pipeline, rows, evaluation, answers, slice_by=["source"], languages=["en"] * 60)
    assert {each.by for each in analysis.slices} >= {"label", "source"}
    for mistake in analysis.mistakes:
        for text in mistake.texts:
            gold = rows.labels[rows.texts.index(text)][0]
            assert gold == mistake.gold != mistake.decided
            assert pipeline.predict([text])[0].prediction.label == mistake.decided
    text = error_analysis_report(analysis)
    assert "### Examples of mistakes" in text
    assert "### Weak slices" in text
    assert "### Robustness" not in text
    assert set(analysis.to_dict()) == {"slices", "mistakes", "robustness"}


def test_several_languages_become_slices(evaluated: tuple) -> None:
    pipeline, rows, evaluation, answers = evaluated
    analysis = analyse_errors(pipeline, rows, evaluation, answers, languages=["en", "de"] * 30)
    assert {each.value for each in analysis.slices if each.by == "language"} == {"en", "de"}


def test_languages_of_few_rows_are_no_slices_and_no_error(evaluated: tuple) -> None:
    pipeline, rows, evaluation, answers = evaluated
    languages = [f"language {row}" for row in range(60)]
    analysis = analyse_errors(pipeline, rows, evaluation, answers, languages=languages)
    assert "language" not in {each.by for each in analysis.slices}


def test_a_column_of_distinct_values_is_refused(evaluated: tuple) -> None:
    pipeline, rows, evaluation, answers = evaluated
    odd = LabelledRows(rows.texts, rows.labels, extra={"id": [str(row) for row in range(60)]})
    with pytest.raises(ConfigError, match="defines no slices"):
        analyse_errors(pipeline, odd, evaluation, answers, slice_by=["id"])


def test_the_change_since_the_last_run_is_reported(evaluated: tuple) -> None:
    evaluation = evaluated[2]
    accuracy = evaluation.metrics["accuracy"].value
    assert "was 0.0000 in run `run-1` and is" in change_since_run({"accuracy": 0.0}, evaluation, "run-1")
    assert "now: unchanged." in change_since_run({"accuracy": accuracy}, evaluation, "run-1")
    assert change_since_run({"f1": 0.5}, evaluation, "run-1") == ""
    report = error_analysis_report(ErrorAnalysis([], change_since_last_run="It was lower."))
    assert report.startswith("### Change since the last run\n\nIt was lower.")

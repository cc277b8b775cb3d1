"""Scores of answers, compared with those of the official script of SQuAD."""

from __future__ import annotations

import pytest
from task_factory import make_task

from glossator.evaluation.metrics.question_answering import answer_f1, exact_match, normalise_answer
from glossator.evaluation.metrics.task_metrics import evaluate_predictions
from glossator.modeling.labelled_rows import GoldSpan, LabelledRows
from glossator.service.tasks.question_answering import Extraction, Span


@pytest.mark.parametrize(
    ("found", "accepted", "exact", "overlap"),
    [
        ("Denver Broncos", "The Denver Broncos.", True, 1.0),
        ("the Broncos", "Denver Broncos", False, 2 / 3),
        ("in the year 1066", "1066", False, 0.5),
        ("1066 1066", "1066", False, 2 / 3),
        ("Paris", "London", False, 0.0),
        ("", "", True, 1.0),
        ("", "London", False, 0.0),
        ("a", "the", True, 1.0),  # both are empty after normalisation
        ("U.S.A.", "usa", True, 1.0),
    ],
)
def test_single_answers(found: str, accepted: str, exact: bool, overlap: float) -> None:
    assert exact_match(found, accepted) == exact
    assert answer_f1(found, accepted) == pytest.approx(overlap)


def test_scripts_without_spaces_have_their_own_f1() -> None:
    assert answer_f1("東京都", "東京") == 0.0
    assert answer_f1("東京都", "東京", characters=True) == pytest.approx(0.8)
    assert normalise_answer(" An  apple, the pear ") == "apple pear"


def extraction(start: int, end: int, context: str) -> Extraction:
    span = Span(start, end, context[start:end], 0.9)
    return Extraction(span, (span,), 0.1, -1.0)


def test_the_best_accepted_answer_counts_and_no_answer_is_right_if_there_is_none() -> None:
    context = "It began in the year 1066 and ended in 1071."
    gold = (GoldSpan(12, 25, "answer"), GoldSpan(21, 25, "answer"))
    rows = LabelledRows(["when?", "who?", "where?"], [()] * 3, seconds=[context] * 3, spans=[gold, (), ()])
    none = Extraction(None, (), 0.9, 3.0)
    found = [extraction(21, 25, context), none, extraction(0, 2, context)]
    evaluation = evaluate_predictions(rows, found, make_task("question-answering"))
    assert evaluation.metrics["exact_match"].value == pytest.approx(2 / 3)
    assert evaluation.metrics["f1"].value == pytest.approx(2 / 3)
    assert evaluation.metrics["f1"].low <= 2 / 3 <= evaluation.metrics["f1"].high

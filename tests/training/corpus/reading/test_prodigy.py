from __future__ import annotations

from glossator.training.corpus.reading.prodigy import resolve_prodigy_answers
from glossator.training.corpus.row import SourceRow, reject_reason

TASK = {"text": "where is it", "_input_hash": 1, "_task_hash": 2}
OPTIONS = {"options": [{"id": "delivery", "text": "Delivery"}, {"id": "refund", "text": "Refund"}]}


def read_rows(*fields: dict[str, object]) -> list[SourceRow]:
    return list(resolve_prodigy_answers(SourceRow(number, each) for number, each in enumerate(fields, start=1)))  # type: ignore[arg-type]


def test_the_chosen_option_is_the_label() -> None:
    one, several, two = read_rows(
        {**TASK, **OPTIONS, "accept": ["delivery"], "answer": "accept"},
        {**TASK, **OPTIONS, "accept": ["delivery"], "answer": "accept", "config": {"choice_style": "multiple"}},
        {**TASK, **OPTIONS, "accept": ["delivery", "refund"], "answer": "accept"},
    )
    assert one.fields["label"] == "delivery"
    assert several.fields["label"] == ["delivery"]
    assert two.fields["label"] == ["delivery", "refund"]


def test_a_row_that_was_not_accepted_has_an_error() -> None:
    for row in read_rows(
        {**TASK, "label": "refund", "answer": "reject"}, {**TASK, "label": "refund", "answer": "ignore"}
    ):
        assert row.error is not None
        assert reject_reason(row.error)[0] == "not-accepted"
    (row,) = read_rows({**TASK, "label": "refund", "answer": "accept"})
    assert (row.error, row.fields["label"]) == (None, "refund")


def test_rows_of_other_tools_are_unchanged() -> None:
    rows = [{"text": "a", "answer": "reject"}, {"text": "a", "label": "b"}, {"answer": "yes", "label": "x"}]
    assert [row.fields for row in read_rows(*rows)] == rows  # type: ignore[arg-type]

"""Texts with a score: which columns are read, and which values are no scores."""

from __future__ import annotations

import pytest

from glossator.service.errors import UnknownColumn
from glossator.training.corpus.reading.column_detection import ColumnRoles
from glossator.training.corpus.reading.score_rows import ScoreRows
from glossator.training.corpus.row import RowFault


@pytest.mark.parametrize(
    ("names", "roles", "text", "score"),
    [
        (["id", "text", "score"], ColumnRoles(), "text", "score"),
        (["label", "text", "rating"], ColumnRoles(), "text", "rating"),
        (["text", "label"], ColumnRoles(), "text", "label"),
        (["note", "stars"], ColumnRoles(text="note", label="stars"), "note", "stars"),
    ],
)
def test_columns_are_found_by_name_or_as_given(names: list[str], roles: ColumnRoles, text: str, score: str) -> None:
    found = ScoreRows(names, roles).columns
    assert (found.text, found.label) == (text, score)


@pytest.mark.parametrize(
    ("names", "roles"),
    [(["text", "stars"], ColumnRoles()), (["id", "score"], ColumnRoles()), (["text"], ColumnRoles(label="score"))],
)
def test_other_columns_must_be_named(names: list[str], roles: ColumnRoles) -> None:
    with pytest.raises(UnknownColumn, match="cannot be detected"):
        ScoreRows(names, roles)


def test_a_row_has_its_text_and_its_score() -> None:
    row = ScoreRows(["text", "score"], ColumnRoles()).read({"text": "late", "score": " -2.5e1 "})
    assert (row.text, row.score, row.labels, row.second) == ("late", -25.0, (), None)


@pytest.mark.parametrize("value", ["high", "", None, "nan", "inf", ["1"]])
def test_values_that_are_no_finite_numbers_are_faults(value: object) -> None:
    with pytest.raises(RowFault) as fault:
        ScoreRows(["text", "score"], ColumnRoles()).read({"text": "late", "score": value})
    assert fault.value.reason == "score-not-a-number"

"""Rows of single texts with a score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from glossator.service.bundle.task import ProblemType
from glossator.service.documents.column_names import TEXT_COLUMNS
from glossator.service.documents.decision import Decision
from glossator.service.errors import UnknownColumn
from glossator.training.corpus.corpus import CorpusColumns
from glossator.training.corpus.reading.column_detection import LABEL_COLUMNS, ColumnRoles
from glossator.training.corpus.reading.parsed_row import ParsedRow, read_named_text
from glossator.training.corpus.row import RowFault, shown

SCORE_COLUMNS = ("score", "rating", "value", *LABEL_COLUMNS)
"""Names of the column with the score of a text, in order of preference."""


class ScoreRows:
    """Reads texts and their scores."""

    problem_type: ProblemType = "regression"

    def __init__(self, names: Sequence[str], roles: ColumnRoles) -> None:
        text = roles.text or next((name for name in TEXT_COLUMNS if name in names), None)
        score = roles.label or next((name for name in SCORE_COLUMNS if name in names and name != text), None)
        if names and not {text, score} <= set(names):
            raise UnknownColumn(
                "the columns of the text and its score cannot be detected from their names",
                found=f"columns {', '.join(names)}",
                hint="Name them: --text-column NAME --label-column NAME.",
            )
        self.decisions: list[Decision] = []
        self._text, self._score = text or "", score or ""
        self.columns = CorpusColumns(
            self._text,
            self._score,
            tuple(names),
            "as given" if roles.text else "by its name",
            "as given" if roles.label else "by its name",
            "the values are scores",
        )

    def read(self, fields: Mapping[str, object]) -> ParsedRow:
        """The text and its score; raises RowFault."""
        return ParsedRow(read_named_text(fields, self._text), score=read_score(fields.get(self._score)))


def read_score(value: object) -> float:
    """Return the finite number in a cell; raises RowFault."""
    try:
        score = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise RowFault("score-not-a-number", f"the score is '{shown(value, 40)}', expected a number") from None
    if not math.isfinite(score):
        raise RowFault("score-not-a-number", f"the score is {score}, expected a finite number")
    return score

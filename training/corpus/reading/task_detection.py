"""Detects the task from the columns of the first rows."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.service.bundle.task import TaskName
from glossator.service.documents.column_names import CONTEXT_COLUMN, QUESTION_COLUMN
from glossator.training.corpus.reading.annotated_documents import ANSWERS
from glossator.training.corpus.reading.column_detection import ColumnRoles
from glossator.training.corpus.reading.entity_rows import (
    SPAN_COLUMNS,
    TAG_COLUMNS,
    TOKENS,
    holds_span_triples,
    holds_spans,
)
from glossator.training.corpus.reading.pair_rows import find_pair
from glossator.training.corpus.row import Row


def detect_task(head: Sequence[Row], roles: ColumnRoles) -> tuple[TaskName, str]:
    """The task of the rows that begin with `head`, and the reason in a few words."""
    fields = [row.fields for row in head if row.fields]
    names = list(dict.fromkeys(name for each in fields for name in each))
    if {QUESTION_COLUMN, CONTEXT_COLUMN, ANSWERS} <= set(names):
        return "question-answering", "the rows have a question, a context and answers"
    for name in names:
        holds = holds_spans if name in SPAN_COLUMNS else holds_span_triples if name in TAG_COLUMNS else None
        if holds is not None and name != roles.label and holds(fields, name):
            return "token-classification", f"column {name!r} holds spans"
    if TOKENS in names and any(name in TAG_COLUMNS for name in names):
        return "token-classification", "the rows have tokens and tags"
    if roles.second is not None:
        return "text-pair", "a second text column is given"
    pair = find_pair(names)
    if pair is not None:
        return "text-pair", f"columns {pair[0]!r} and {pair[1]!r} hold two texts"
    return "text-classification", "each row has one text and its label"

"""Detects the task from the columns of the first rows."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.service.bundle.task import TaskName
from glossator.service.documents.column_names import CONTEXT_COLUMN, QUESTION_COLUMN
from glossator.training.corpus.reading.column_detection import LABEL_COLUMNS, ColumnRoles
from glossator.training.corpus.reading.entity_rows import SPAN_COLUMNS, holds_span_records, holds_spans, holds_word_tags
from glossator.training.corpus.reading.pair_rows import find_pair
from glossator.training.corpus.reading.question_rows import ANSWERS
from glossator.training.corpus.reading.token_columns import find_token_columns
from glossator.training.corpus.row import Row


def detect_task(head: Sequence[Row], roles: ColumnRoles) -> tuple[TaskName, str]:
    """The task of the rows that begin with `head`, and the reason in a few words."""
    fields = [row.fields for row in head if row.fields]
    names = list(dict.fromkeys(name for each in fields for name in each))
    if {QUESTION_COLUMN, CONTEXT_COLUMN, ANSWERS} <= set(names):
        return "question-answering", "the rows have a question, a context and answers"
    tokens = find_token_columns(fields, tokens=roles.text, tags=roles.label)
    if tokens is not None:
        return "token-classification", f"column '{tokens.tags}' has one tag for each member of '{tokens.tokens}'"
    for name in names:
        holds = holds_spans if name in SPAN_COLUMNS and name != roles.label else holds_span_records
        if roles.label in (None, name) and holds(fields, name):
            return "token-classification", f"column '{name}' holds spans"
        has_classes = any(other in LABEL_COLUMNS for other in names if other != name)
        may_hold_tags = roles.label == name or (roles.label is None and not has_classes)
        if may_hold_tags and holds_word_tags(fields, name):
            return "token-classification", f"column '{name}' has one tag for each word"
    if roles.second is not None:
        return "text-pair", "a second text column is given"
    pair = find_pair(names)
    if pair is not None:
        return "text-pair", f"columns '{pair[0]}' and '{pair[1]}' hold two texts"
    return "text-classification", "each row has one text and its label"

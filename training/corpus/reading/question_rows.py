"""Rows of questions with a context and accepted answers, as in SQuAD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from glossator.modeling.labelled_rows import GoldSpan
from glossator.service.bundle.task import ProblemType
from glossator.service.documents.column_names import CONTEXT_COLUMN, QUESTION_COLUMN
from glossator.service.errors import UnknownColumn, shorten
from glossator.training.corpus.corpus import CorpusColumns
from glossator.training.corpus.reading.annotated_documents import ANSWERS
from glossator.training.corpus.reading.parsed_row import ParsedRow, read_named_text
from glossator.training.corpus.row import RowFault

ANSWER = "answer"
"""The label of an answer's span."""


class QuestionRows:
    """Reads questions with their contexts and answers."""

    problem_type: ProblemType = "multi_label_classification"

    def __init__(self, names: Sequence[str]) -> None:
        if names and not {QUESTION_COLUMN, CONTEXT_COLUMN} <= set(names):
            raise UnknownColumn(
                "question answering needs columns of questions, contexts and answers",
                found=f"columns {', '.join(map(repr, names))}",
                expected=f"SQuAD JSON, or rows of {QUESTION_COLUMN}, {CONTEXT_COLUMN} and {ANSWERS}",
            )
        self.columns = CorpusColumns(
            QUESTION_COLUMN, ANSWERS, tuple(names), "by its name", "by its name", second=CONTEXT_COLUMN
        )

    def read(self, fields: Mapping[str, object]) -> ParsedRow:
        """The question, its context and the spans of its answers; raises RowFault."""
        question, context = read_named_text(fields, QUESTION_COLUMN), read_named_text(fields, CONTEXT_COLUMN)
        answers = fields.get(ANSWERS)
        if isinstance(answers, Mapping):  # as `datasets` stores SQuAD: a mapping of two lists
            starts, texts = answers.get("answer_start", ()), answers.get("text", ())
            answers = [{"start": start, "text": text} for start, text in zip(starts, texts, strict=False)]
        if answers is not None and not isinstance(answers, Sequence):
            raise RowFault("answers-not-a-list", f"the answers are of type {type(answers).__name__}, expected a list")
        spans = tuple(dict.fromkeys(_answer_span(each, context) for each in answers or ()))
        return ParsedRow(question, second=context, spans=spans, labels=(ANSWER,) if spans else ())


def _answer_span(value: object, context: str) -> GoldSpan:
    """The span of one answer, after checking that the context has the answer's text there."""
    if not isinstance(value, Mapping):
        raise RowFault("answer-unreadable", f"this is not an answer: {shorten(value, 60)}")
    start = value.get("start", value.get("answer_start"))
    text = value.get("text")
    if not isinstance(start, int) or not isinstance(text, str) or not text.strip():
        raise RowFault("answer-unreadable", f"an answer needs a start and a text: {shorten(value, 60)}")
    if context[start : start + len(text)] == text:
        return GoldSpan(start, start + len(text), ANSWER)
    as_bytes = context.encode()[start : start + len(text.encode())]
    hint = ". The start seems to count bytes of UTF-8; code points are expected" if as_bytes == text.encode() else ""
    found = shorten(context[start : start + len(text)], 40)
    raise RowFault("answer-not-there", f"the context has {found!r} at {start}, not {shorten(text, 40)!r}{hint}")

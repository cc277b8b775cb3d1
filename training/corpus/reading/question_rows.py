"""Rows of questions with a context and accepted answers, as in SQuAD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from glossator.modeling.labelled_rows import GoldSpan
from glossator.service.bundle.task import ProblemType
from glossator.service.documents.column_names import CONTEXT_COLUMN, QUESTION_COLUMN
from glossator.service.documents.decision import Decision
from glossator.service.errors import UnknownColumn, shorten
from glossator.training.corpus.corpus import CorpusColumns
from glossator.training.corpus.reading.parsed_row import ParsedRow, read_named_text
from glossator.training.corpus.row import RowFault, kind_of, shown

ANSWER = "answer"
"""The label of an answer's span."""

ANSWERS = "answers"
"""The column of answers; those of questions and contexts are in `column_names.py`."""


class QuestionRows:
    """Reads questions with their contexts and answers."""

    problem_type: ProblemType = "multi_label_classification"

    def __init__(self, names: Sequence[str]) -> None:
        self.decisions: list[Decision] = []
        if names and not {QUESTION_COLUMN, CONTEXT_COLUMN} <= set(names):
            raise UnknownColumn(
                "question answering needs columns of questions, contexts and answers",
                found=f"columns {', '.join(names)}",
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
            answers = _answers_of_lists(answers)
        if answers is not None and not isinstance(answers, Sequence):
            raise RowFault("answers-not-a-list", f"the answers are {kind_of(answers)}, expected a list")
        spans = tuple(dict.fromkeys(_answer_span(each, context) for each in answers or ()))
        return ParsedRow(question, second=context, spans=spans, labels=(ANSWER,) if spans else ())


def _answers_of_lists(answers: Mapping[str, object]) -> list[object]:
    """The answers of a list of starts and a list of texts, or of one of each; raises RowFault."""
    starts, texts = answers.get("answer_start", ()), answers.get("text", ())
    if isinstance(texts, str):
        return [{"start": starts, "text": texts}]
    if not isinstance(starts, Sequence) or not isinstance(texts, Sequence) or len(starts) != len(texts):
        raise RowFault("answer-unreadable", f"the answers need as many starts as texts: {shown(answers)}")
    return [{"start": start, "text": text} for start, text in zip(starts, texts, strict=True)]


def _answer_span(value: object, context: str) -> GoldSpan:
    """The span of one answer, after checking that the context has the answer's text there."""
    if not isinstance(value, Mapping):
        raise RowFault("answer-unreadable", f"this is not an answer: {shown(value)}")
    start = value.get("start", value.get("answer_start"))
    text = value.get("text")
    if not isinstance(start, int) or not isinstance(text, str) or not text.strip():
        raise RowFault("answer-unreadable", f"an answer needs a start and a text: {shown(value)}")
    if context[start : start + len(text)] == text:
        return GoldSpan(start, start + len(text), ANSWER)
    as_bytes = context.encode()[start : start + len(text.encode())]
    hint = ". The start seems to count bytes of UTF-8; code points are expected" if as_bytes == text.encode() else ""
    found = shorten(context[start : start + len(text)], 40)
    raise RowFault("answer-not-there", f"the context has '{found}' at {start}, not '{shorten(text, 40)}'{hint}")

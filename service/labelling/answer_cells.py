"""What an answer becomes in a row: which columns a task has, and what goes into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from glossator.service.bundle.task import Classifier, Task
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.text_classification import Classification
from glossator.service.tasks.text_embedding import Embedding
from glossator.service.tasks.text_pair import Rating
from glossator.service.tasks.token_classification import Entities

if TYPE_CHECKING:
    from glossator.service.inference.pipeline import Answer

LABEL = ("label", "score")
LABELS = ("labels", "score")
_COLUMNS = {
    "token-classification": ("entities",),
    "question-answering": ("answer", "start", "end", "score"),
    "text-embedding": ("embedding",),
}


def answer_columns(task: Task, *, sets: bool = False, tiers: bool = False) -> tuple[str, ...]:
    """The columns that a task's answers take; `sets` says that labels are asked for as sets, `tiers` that the model is
    a cascade."""
    if tiers:
        return (*answer_columns(task, sets=sets), "_tier")
    if not isinstance(task, Classifier):
        return _COLUMNS[task.task]
    if task.problem_type == "regression":
        return ("score",)
    return LABELS if sets or task.problem_type == "multi_label_classification" else LABEL


def answer_cells(answer: Answer, *, nested: bool) -> dict[str, object]:
    """The value of each of these columns; `nested` says whether a cell may hold a list, as in JSON lines."""
    prediction = answer.prediction
    if isinstance(prediction, Classification):
        labels = prediction.labels
        return {
            "label": prediction.label,
            "labels": list(labels) if nested else join_labels(labels),
            "score": prediction.score,
        }
    if isinstance(prediction, Rating):
        return {"score": prediction.score}
    if isinstance(prediction, Entities):
        return {"entities": [asdict(entity) for entity in prediction.entities]}
    if isinstance(prediction, Extraction):
        span = prediction.answer
        if span is None:
            return {"answer": None, "score": prediction.no_answer_score}
        return {"answer": span.text, "start": span.start, "end": span.end, "score": span.score}
    assert isinstance(prediction, Embedding)
    return {"embedding": [round(float(value), 6) for value in prediction.vector]}


def join_labels(labels: Sequence[str]) -> str:
    r"""The labels in one cell, `|` between them; a `|` within a label becomes `\|`, a backslash two.

    >>> join_labels(["late", "wrong item"])
    'late|wrong item'
    """
    return "|".join(name.replace("\\", "\\\\").replace("|", "\\|") for name in labels)

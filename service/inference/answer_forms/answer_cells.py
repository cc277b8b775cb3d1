"""The columns of an answer in a labelled row, and their values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from glossator.service.bundle.task import Classifier, Task
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_classification import Classification
from glossator.service.tasks.text_embedding import Embedding
from glossator.service.tasks.token_classification import Entities

if TYPE_CHECKING:
    from glossator.service.inference.pipeline import Answer

LABEL = ("label", "score")
LABELS = ("labels", "score")
SCOPE = "out_of_scope"
"""The column that says whether a text is out of scope, for models that know it."""
_COLUMNS = {
    "token-classification": ("entities",),
    "question-answering": ("answer", "start", "end", "score"),
    "text-embedding": ("embedding",),
}


def answer_columns(task: Task, *, label_sets: bool = False, cascade: bool = False) -> tuple[str, ...]:
    """Return the columns of a task's answers.

    Args:
        task: The task of the model.
        label_sets: Conformal sets of labels are requested instead of single labels.
        cascade: The model is a cascade: add the tier that answered.
    """
    if cascade:
        return (*answer_columns(task, label_sets=label_sets), "_tier")
    if not isinstance(task, Classifier):
        return _COLUMNS[task.task]
    if task.problem_type == "regression":
        return ("score",)
    labels = LABELS if label_sets or task.problem_type == "multi_label_classification" else LABEL
    return labels if task.calibration.out_of_scope is None else (*labels, SCOPE)


def answer_cells(answer: Answer, *, nested: bool) -> dict[str, object]:
    """Return the value of each column; `nested` says whether a cell may be a list, as in JSON Lines."""
    prediction = answer.prediction
    if isinstance(prediction, Classification):
        labels = prediction.labels
        cells: dict[str, object] = {
            "label": prediction.label,
            "labels": list(labels) if nested else join_labels(labels),
            "score": prediction.score,
        }
        return cells if prediction.out_of_scope is None else cells | {SCOPE: prediction.out_of_scope}
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
    r"""Return the labels in one cell, separated by `|`. A `|` in a label becomes `\|`, a backslash `\\`.

    >>> join_labels(["late", "wrong item"])
    'late|wrong item'
    """
    return "|".join(name.replace("\\", "\\\\").replace("|", "\\|") for name in labels)


def split_labels(cell: str) -> list[str]:
    r"""Return the labels that `join_labels` put into one cell.

    >>> split_labels(r"late|wrong\|item"), split_labels("")
    (['late', 'wrong|item'], [])
    """
    return [re.sub(r"\\(.)", r"\1", name) for name in re.findall(r"(?:\\.|[^|\\])+", cell, re.DOTALL)]

"""What a model suggests for the rows of a queue."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.service.bundle.task import Classifier, QuestionAnswering, Task, TokenClassification
from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.composed.zero_shot import check_zero_shot
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.labelling_queues.records import GOLD, Kind, LabellingQueue, Row, Suggestion
from glossator.service.monitoring.prediction_log.records import prediction_fields
from glossator.service.tasks.encoded import Pair, Text

_OTHERS = 4
"""Other labels that are shown with their scores."""


def kind_of(task: Task) -> Kind:
    """Return what reviewers label with the suggestions of a model. Raises ConfigError for vectors."""
    if isinstance(task, Classifier):
        kinds: dict[str, Kind] = {
            "single_label_classification": "single_label",
            "multi_label_classification": "multi_label",
            "regression": "score",
        }
        return kinds[task.problem_type]
    if isinstance(task, TokenClassification):
        return "entities"
    if isinstance(task, QuestionAnswering):
        return "span"
    raise ConfigError(
        "this model suggests labels only for labels that you name", found=task.task, hint="Give labels, one per line."
    )


def labels_of(task: Task) -> tuple[str, ...]:
    """Return the labels to choose from."""
    if isinstance(task, TokenClassification):
        return tuple(task.types)
    return tuple(task.labels) if isinstance(task, Classifier) and task.problem_type != "regression" else ()


def check_suggests(model: Model, queue: LabellingQueue) -> None:
    """Raise ConfigError if a model cannot suggest what a queue asks for."""
    if queue.zero_shot:
        check_zero_shot(model.task, queue.labels, None)
    elif kind_of(model.task) != queue.kind:
        raise ConfigError("the model does not fit the file", found=kind_of(model.task), expected=queue.kind)


def suggest(model: Model, queue: LabellingQueue, rows: Sequence[Row], deadline: float) -> dict[int, Suggestion]:
    """Return suggestions by the numbers of the rows; a row that the model cannot answer has none.

    The texts wait behind those of callers. Raises DeadlineExceeded and Overloaded.
    """
    if queue.zero_shot:
        texts = [row.text for row in rows]
        answers = model.zero_shot(
            texts, queue.labels, multi_label=queue.kind == "multi_label", lane="bulk", deadline=deadline
        )
    else:
        pairs = [_text(row) for row in rows]
        answers = model.start(pairs, lane="bulk", deadline=deadline).result()
    found = {row.number: _suggestion(queue, answer) for row, answer in zip(rows, answers, strict=True)}
    return {number: suggestion for number, suggestion in found.items() if suggestion is not None}


def _text(row: Row) -> Text:
    return row.text if row.second is None else Pair(row.text, row.second)


def _suggestion(queue: LabellingQueue, answer: Answer | InputError) -> Suggestion | None:
    if isinstance(answer, InputError):
        return None
    fields = prediction_fields(answer, "codepoint")
    name = GOLD[queue.kind]
    if name != "labels":
        return {name: fields[name]}
    scores = {each["label"]: each["score"] for each in fields["scores"]}
    labels = [{"label": label, "score": scores.get(label)} for label in fields["labels"]]
    others = [each for each in fields["scores"] if each["label"] not in fields["labels"]]
    return {"labels": labels, "others": others[:_OTHERS]}

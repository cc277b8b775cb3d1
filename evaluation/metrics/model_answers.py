"""The answers of a model to labelled rows: computed once, used by every analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.metrics.task_metrics import predict_rows
from glossator.modeling.labelled_rows import LabelledRows, inputs_of
from glossator.service.bundle.task import Classifier, Task
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.decoders import Prediction
from glossator.service.tasks.text_classification import decide, probabilities


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """The answers of one model.

    Classifiers have `decided`, the assigned labels `(rows, labels)`; other tasks have `predictions`.
    """

    name: str
    task: Task
    decided: NDArray[np.bool_] | None
    predictions: Sequence[Prediction] | None


def answer_rows(pipeline: Pipeline, rows: LabelledRows, *, name: str) -> ModelAnswers:
    """Return the answers of a model; raises CorpusError or InputError if the rows do not fit its task."""
    task = pipeline.task
    if isinstance(task, Classifier) and task.problem_type != "regression":
        decided = decide(probabilities(pipeline.logits(inputs_of(rows, task)), task), task)
        return ModelAnswers(name, task, decided, None)
    return ModelAnswers(name, task, None, predict_rows(pipeline, rows))


def with_common_labels(answers: Sequence[ModelAnswers]) -> list[ModelAnswers]:
    """Return the same answers over the labels of all these models together: those of the first, then the others'.

    Models with different labels can then be compared: each is wrong where a label that it lacks is right.
    """
    names = list(dict.fromkeys(label for each in answers for label in each.task.labels))
    place = {name: number for number, name in enumerate(names)}
    found = []
    for each in answers:
        decided = each.decided
        if decided is not None:
            wider = np.zeros((len(decided), len(names)), dtype=bool)  # (rows, labels)
            wider[:, [place[label] for label in each.task.labels]] = decided
            decided = wider
        task = each.task.model_copy(update={"labels": names})
        found.append(replace(each, task=task, decided=decided))
    return found

"""The answers of a model to labelled rows: computed once, used by every analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

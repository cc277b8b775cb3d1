"""Evaluates a model of any task on labelled rows, through the decoder that serves."""

from __future__ import annotations

from glossator.evaluation.metrics.classification import Evaluation, evaluate_classifier
from glossator.evaluation.metrics.model_answers import ModelAnswers
from glossator.evaluation.metrics.task_metrics import TaskEvaluation, evaluate_predictions, predict_rows
from glossator.modeling.labelled_rows import LabelledRows, inputs_of
from glossator.service.bundle.task import Classifier
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.text_classification import decide, probabilities

AnyEvaluation = Evaluation | TaskEvaluation


def evaluate_pipeline(
    pipeline: Pipeline, rows: LabelledRows, *, name: str = "test", cluster_by: str | None = None
) -> AnyEvaluation:
    """Evaluate the model of `pipeline` on labelled rows.

    Args:
        pipeline: The model.
        rows: The rows.
        name: The split, such as `test`.
        cluster_by: The column of `rows.extra` with the cluster of each row, such as its document.

    Raises:
        CorpusError: The rows do not fit the task.
    """
    return evaluate_with_answers(pipeline, rows, name=name, cluster_by=cluster_by)[0]


def evaluate_with_answers(
    pipeline: Pipeline, rows: LabelledRows, *, name: str = "test", cluster_by: str | None = None
) -> tuple[AnyEvaluation, ModelAnswers]:
    """Return the evaluation as `evaluate_pipeline`, with the answers of the model; each row is predicted once."""
    task = pipeline.task
    clusters = None if cluster_by is None else rows.extra[cluster_by]
    if isinstance(task, Classifier) and task.problem_type != "regression":
        probability = probabilities(pipeline.logits(inputs_of(rows, task)), task)
        evaluation = evaluate_classifier(rows.labels, probability, task, name=name, clusters=clusters)
        return evaluation, ModelAnswers(name, task, decide(probability, task), None)
    predictions = predict_rows(pipeline, rows)
    task_evaluation = evaluate_predictions(rows, predictions, task, name=name, clusters=clusters)
    return task_evaluation, ModelAnswers(name, task, None, predictions)

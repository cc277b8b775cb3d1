"""One way to measure a model, whatever its task: rows in, figures out, through the decoder that serves."""

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
    """What the model of `pipeline` comes to on labelled rows; `cluster_by` names the column of `rows.extra` that says
    which rows belong together. Raises CorpusError where they do not fit its task."""
    return evaluate_with_answers(pipeline, rows, name=name, cluster_by=cluster_by)[0]


def evaluate_with_answers(
    pipeline: Pipeline, rows: LabelledRows, *, name: str = "test", cluster_by: str | None = None
) -> tuple[AnyEvaluation, ModelAnswers]:
    """The same, and what the model said of each row: it is asked once."""
    task = pipeline.task
    clusters = None if cluster_by is None else rows.extra[cluster_by]
    if isinstance(task, Classifier) and task.problem_type != "regression":
        probability = probabilities(pipeline.logits(inputs_of(rows, task)), task)
        measured = evaluate_classifier(rows.labels, probability, task, name=name, clusters=clusters)
        return measured, ModelAnswers(name, task, decide(probability, task), None)
    predictions = predict_rows(pipeline, rows)
    return evaluate_predictions(rows, predictions, task, name=name, clusters=clusters), ModelAnswers(
        name, task, None, predictions
    )

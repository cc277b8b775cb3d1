"""Evaluates a model of any task on labelled rows, through the decoder that serves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from glossator.evaluation.metrics.classification import Evaluation, evaluate_classifier
from glossator.evaluation.metrics.model_answers import ModelAnswers
from glossator.evaluation.metrics.out_of_scope import check_knows_scope, score_out_of_scope
from glossator.evaluation.metrics.task_metrics import TaskEvaluation, evaluate_predictions, predict_rows
from glossator.modeling.labelled_rows import LabelledRows, inputs_of, row_keys
from glossator.modeling.minhash import normalise_text
from glossator.service.bundle.task import Classifier
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.text_classification import decide, probabilities

AnyEvaluation = Evaluation | TaskEvaluation

_NUMBER = re.compile(r"\d+")


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
    pipeline: Pipeline,
    rows: LabelledRows,
    *,
    name: str = "test",
    cluster_by: str | None = None,
    out_of_scope: Sequence[str] = (),
) -> tuple[AnyEvaluation, ModelAnswers]:
    """Return the evaluation as `evaluate_pipeline`, with the answers of the model; each row is predicted once.

    With `out_of_scope` texts, which no label fits, the metrics include how well the model finds them; ConfigError if it
    does not know out-of-scope texts.
    """
    if out_of_scope:
        check_knows_scope(pipeline.task)
    task = pipeline.task
    clusters = None if cluster_by is None else rows.extra[cluster_by]
    if isinstance(task, Classifier) and task.problem_type != "regression":
        probability = probabilities(pipeline.logits(inputs_of(rows, task)), task)
        evaluation = evaluate_classifier(rows.labels, probability, task, name=name, clusters=clusters)
        if out_of_scope:
            found = score_out_of_scope(task, probability, probabilities(pipeline.logits(out_of_scope), task))
            evaluation = replace(evaluation, metrics=evaluation.metrics | found)
        answers = ModelAnswers(name, task, decide(probability, task), None)
        return replace(evaluation, distinct_texts=_count_distinct(rows)), answers
    predictions = predict_rows(pipeline, rows)
    task_evaluation = evaluate_predictions(rows, predictions, task, name=name, clusters=clusters)
    task_evaluation = replace(task_evaluation, distinct_texts=_count_distinct(rows))
    return task_evaluation, ModelAnswers(name, task, None, predictions)


def _count_distinct(rows: LabelledRows) -> int:
    """Return how many texts differ in more than case, white space and numbers."""
    return len({_NUMBER.sub("0", normalise_text(key)) for key in row_keys(rows.texts, rows.seconds)})

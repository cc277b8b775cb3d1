"""Metrics of the tasks other than classification: entities, answers, scored pairs, embeddings.

Every metric is a function of weights over the rows. One bootstrap then gives the intervals of all metrics
(`evaluate_predictions`), and one paired bootstrap compares two models on the same rows (`compare_headline`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.metrics.entities import EntityCounts, TypeScore, count_entities, score_types
from glossator.evaluation.metrics.gold_labels import count_unknown
from glossator.evaluation.metrics.question_answering import score_answers
from glossator.evaluation.metrics.ranking import reciprocal_ranks
from glossator.evaluation.statistics.bootstrap import (
    RESAMPLES,
    Estimate,
    Metric,
    Weights,
    draw_cluster_resamples,
    paired_difference,
    percentile_interval,
)
from glossator.evaluation.statistics.noninferiority import CONFIDENCE, NonInferiority
from glossator.modeling.labelled_rows import LabelledRows, inputs_of
from glossator.service.bundle.task import (
    QuestionAnswering,
    Task,
    TaskName,
    TextEmbedding,
    TokenClassification,
)
from glossator.service.errors import CorpusError, InputError
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.decoders import Prediction
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.rating import Rating, is_rating, score_spread
from glossator.service.tasks.text_embedding import Embedding, cosine_similarities
from glossator.service.tasks.token_classification import Entities

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEvaluation:
    """Metrics of a model on labelled rows.

    `metrics` by task, each with its 95 % bootstrap interval over the rows:

    - token-classification: `f1`, `precision` and `recall` of entities with the right span and type (strict, micro over
      all entities, as in conlleval); `exact_f1` (the span only), `partial_f1` (an overlap counts half) and `type_f1`
      (any overlap and the type), as in SemEval-2013 task 9.1;
    - scores of texts or pairs: `pearson`, `spearman`, `mean_absolute_error`;
    - question-answering: `f1` and `exact_match` as in SQuAD, `character_f1` for scripts without spaces;
    - text-embedding: for rated pairs, `spearman` of cosine similarity and rating; for labelled texts,
      `nearest_accuracy` (the share of rows whose nearest other row has the same label) and `mean_reciprocal_rank` of
      the nearest row with the same label.

    `types` has scores per entity type, those that the model lacks last. `unknown_labels` has the number of gold
    entities of these. `clusters` is as in Evaluation; questions are clustered by their contexts unless
    other clusters are given.
    """

    format_version: Literal[1] = 1
    task: TaskName
    name: str
    rows: int
    distinct_texts: int | None = None
    """How many texts differ in more than case, white space and numbers; None if not counted."""
    metrics: dict[str, Estimate]
    types: tuple[TypeScore, ...] = ()
    unknown_labels: dict[str, int] = field(default_factory=dict)
    clusters: int | None = None
    resamples: int = RESAMPLES
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TaskMetrics:
    """The metrics of one model as functions of row weights, the headline first.

    `right` `(rows,)` says which rows are completely right.
    """

    functions: Mapping[str, Metric]
    right: NDArray[np.bool_]
    types: tuple[TypeScore, ...] = field(default=())
    unknown_labels: Mapping[str, int] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The name of the first metric, by which models are compared."""
        return next(iter(self.functions))


def task_metrics(rows: LabelledRows, predictions: Sequence[Prediction], task: Task) -> TaskMetrics:
    """Return the metrics of a task; raises CorpusError if there are no rows, or rows without what the task needs."""
    if not len(rows):
        raise CorpusError(
            "there are no rows to evaluate", found=0, expected="1 or more", hint="Check the file and its rejected rows."
        )
    if isinstance(task, TokenClassification):
        return _entity_metrics(rows, [each for each in predictions if isinstance(each, Entities)], task)
    if isinstance(task, QuestionAnswering):
        return _answer_metrics(rows, [each for each in predictions if isinstance(each, Extraction)])
    if isinstance(task, TextEmbedding):
        return _embedding_metrics(rows, [each for each in predictions if isinstance(each, Embedding)])
    assert is_rating(task)
    predicted = np.array([each.score for each in predictions if isinstance(each, Rating)])
    gold = _gold_scores(rows)
    return _rating_metrics(gold, predicted, tolerance=0.1 * score_spread(task, gold))


def predict_rows(pipeline: Pipeline, rows: LabelledRows) -> list[Prediction]:
    """Return the prediction for each input of the rows; raises the first InputError."""
    predictions = []
    for answer in pipeline.predict(inputs_of(rows, pipeline.task)):
        if isinstance(answer, InputError):
            raise answer
        predictions.append(answer.prediction)
    return predictions


def evaluate_predictions(
    rows: LabelledRows,
    predictions: Sequence[Prediction],
    task: Task,
    *,
    name: str = "test",
    resamples: int = RESAMPLES,
    seed: int = 0,
    clusters: Sequence[str] | None = None,
) -> TaskEvaluation:
    """Evaluate the predictions of a model, one per row; `clusters` has the cluster of each row."""
    metrics = task_metrics(rows, predictions, task)
    count = np.ones(len(metrics.right), dtype=np.int64)
    if clusters is None and isinstance(task, QuestionAnswering):
        clusters = rows.seconds
    weights = draw_cluster_resamples(np.arange(len(count)), clusters, resamples=resamples, seed=seed)
    all_rows = count[np.newaxis].astype(np.float64)
    return TaskEvaluation(
        task=task.task,
        name=name,
        rows=len(rows),
        metrics={
            key: Estimate(float(metric(all_rows)[0]), *percentile_interval(metric(weights)))
            for key, metric in metrics.functions.items()
        },
        types=metrics.types,
        unknown_labels=dict(metrics.unknown_labels),
        clusters=None if clusters is None else len(set(clusters)),
        resamples=resamples,
        seed=seed,
    )


def compare_headline(
    rows: LabelledRows, new: Sequence[Prediction], old: Sequence[Prediction], task: Task, *, margin: float
) -> NonInferiority:
    """Compare two models by the headline metric: is the new one at most `margin` worse, by the paired bootstrap?"""
    metrics_new, metrics_old = task_metrics(rows, new, task), task_metrics(rows, old, task)
    count = np.ones(len(metrics_new.right), dtype=np.int64)
    metric_new, metric_old = (each.functions[each.headline] for each in (metrics_new, metrics_old))
    difference = paired_difference(metric_new, metric_old, count, level=2.0 * CONFIDENCE - 1.0)
    values = [float(metric(count[np.newaxis].astype(np.float64))[0]) for metric in (metric_new, metric_old)]
    return NonInferiority(
        new=values[0],
        old=values[1],
        difference=difference.value,
        low=difference.low,
        high=difference.high,
        margin=margin,
        non_inferior=difference.low > -margin,
        rows=len(rows),
        flips=int((metrics_new.right != metrics_old.right).sum()),
        gained=int((metrics_new.right & ~metrics_old.right).sum()),
        lost=int((metrics_old.right & ~metrics_new.right).sum()),
    )


def _entity_metrics(rows: LabelledRows, predictions: Sequence[Entities], task: TokenClassification) -> TaskMetrics:
    if rows.spans is None:
        raise CorpusError("the rows have no gold entities", expected="spans", hint="Use a file with entities.")
    counts = count_entities(rows.spans, predictions)
    unknown = count_unknown((span.label for spans in rows.spans for span in spans), task.types)
    return TaskMetrics(
        {
            "f1": _f1_metric(counts, counts.strict),
            "precision": _ratio_metric(counts.strict, counts.predicted),
            "recall": _ratio_metric(counts.strict, counts.gold),
            "exact_f1": _f1_metric(counts, counts.exact),
            "partial_f1": _f1_metric(counts, counts.partial),
            "type_f1": _f1_metric(counts, counts.typed),
        },
        (counts.strict == counts.gold) & (counts.strict == counts.predicted),
        score_types(rows.spans, predictions, [*task.types, *unknown]),
        unknown,
    )


def _answer_metrics(rows: LabelledRows, predictions: Sequence[Extraction]) -> TaskMetrics:
    f1, exact, characters = score_answers(rows, predictions)
    functions = {"f1": _mean_metric(f1), "exact_match": _mean_metric(exact), "character_f1": _mean_metric(characters)}
    return TaskMetrics(functions, exact.astype(bool))


def _embedding_metrics(rows: LabelledRows, predictions: Sequence[Embedding]) -> TaskMetrics:
    vectors = np.stack([each.vector for each in predictions]).astype(np.float64)
    if rows.seconds is not None:
        gold, half = _gold_scores(rows), len(rows)
        similarity = np.einsum("rd,rd->r", *(_to_unit_length(side) for side in (vectors[:half], vectors[half:])))
        ratings = _rating_metrics(gold, similarity, tolerance=np.inf)
        return TaskMetrics({"spearman": ratings.functions["spearman"]}, ratings.right)
    similarity = cosine_similarities(vectors, vectors)
    np.fill_diagonal(similarity, -np.inf)
    nearest = similarity.argmax(axis=1)
    right = np.array([rows.labels[row] == rows.labels[other] for row, other in enumerate(nearest.tolist())])
    functions = {
        "nearest_accuracy": _mean_metric(right.astype(np.float64)),
        "mean_reciprocal_rank": _mean_metric(reciprocal_ranks(similarity, rows.labels)),
    }
    return TaskMetrics(functions, right)


def _rating_metrics(gold: Values, predicted: Values, *, tolerance: float) -> TaskMetrics:
    """A row is right if its score differs from the gold score by at most `tolerance`."""
    from scipy.stats import rankdata

    return TaskMetrics(
        {
            "pearson": _correlation_metric(gold, predicted),
            "spearman": _correlation_metric(rankdata(gold), rankdata(predicted)),
            "mean_absolute_error": _mean_metric(np.abs(gold - predicted)),
        },
        np.abs(gold - predicted) <= tolerance,
    )


def _gold_scores(rows: LabelledRows) -> Values:
    if rows.scores is None:
        raise CorpusError("the rows have no gold scores", expected="one number per row", hint="Use a file with scores.")
    return np.asarray(rows.scores, dtype=np.float64)


def _to_unit_length(vectors: Values) -> Values:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def _mean_metric(values: Values) -> Metric:
    return lambda weights: np.asarray(weights @ values / weights.sum(axis=1))


def _ratio_metric(part: Values, whole: Values) -> Metric:
    def metric(weights: Weights) -> Values:
        total = weights @ whole
        return np.divide(weights @ part, total, out=np.zeros_like(total), where=total > 0)

    return metric


def _f1_metric(counts: EntityCounts, right: Values) -> Metric:
    return _ratio_metric(2.0 * right, counts.gold + counts.predicted)


def _correlation_metric(gold: Values, predicted: Values) -> Metric:
    """Return Pearson's correlation; applied to ranks it is Spearman's, with the ranks of the full sample."""

    def metric(weights: Weights) -> Values:
        total = weights.sum(axis=1)
        means = [weights @ side / total for side in (gold, predicted)]
        products = weights @ (gold * predicted) / total - means[0] * means[1]
        variances = [
            weights @ (side * side) / total - mean**2 for side, mean in zip((gold, predicted), means, strict=True)
        ]
        scale = np.sqrt(np.maximum(variances[0] * variances[1], 0.0))
        return np.asarray(np.divide(products, scale, out=np.zeros_like(scale), where=scale > 1e-12))

    return metric

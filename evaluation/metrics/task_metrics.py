"""How good a model is at a task other than classification: a headline metric with its interval, and what lies below it.

Every metric is a function of weights over the rows, so that one bootstrap gives the interval of each (`TaskEvaluation`), and
one paired bootstrap compares two models on the same rows (`compare`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.metrics.entities import EntityCounts, TypeScore, count_entities, score_types
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
    TextPair,
    TokenClassification,
)
from glossator.service.errors import CorpusError, InputError
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.decoders import Prediction
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.text_embedding import Embedding, cosine
from glossator.service.tasks.text_pair import Rating
from glossator.service.tasks.token_classification import Entities

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEvaluation:
    """A finished measurement.

    `metrics` by task, each with its 95 % bootstrap interval over the rows:

    - token-classification: `f1`, `precision` and `recall` of entities whose span and type are both right (strict, micro
      over all entities, as conlleval counts), then `exact_f1` (the span alone), `partial_f1` (overlap counts half) and
      `type_f1` (some overlap, and the type), by the definitions of SemEval-2013 task 9.1;
    - text-pair with scores: `pearson`, `spearman`, `mean_absolute_error`;
    - question-answering: `f1` and `exact_match` as SQuAD defines them, `character_f1` for scripts without spaces;
    - text-embedding: `spearman` of cosine and rating for rated pairs, `nearest_accuracy` for labelled texts: how often
      the nearest other row has the same label, and `mean_reciprocal_rank` of the nearest that has.

    `clusters` is as in Evaluation: the contexts of questions are clusters unless others are named.
    """

    format_version: Literal[1] = 1
    task: TaskName
    name: str
    rows: int
    metrics: dict[str, Estimate]
    types: tuple[TypeScore, ...] = ()
    clusters: int | None = None
    resamples: int = RESAMPLES
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The measurement as plain dicts, lists, strings and numbers."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TaskMetrics:
    """The metrics of one model on some rows, the headline first; `right` says which rows it has wholly right."""

    functions: Mapping[str, Metric]
    right: NDArray[np.bool_]
    types: tuple[TypeScore, ...] = field(default=())

    @property
    def headline(self) -> str:
        return next(iter(self.functions))


def task_metrics(rows: LabelledRows, predictions: Sequence[Prediction], task: Task) -> TaskMetrics:
    """The metrics of a task. Raises CorpusError where there are no rows, or none of what the task needs."""
    if not len(rows):
        raise CorpusError("there are no rows to evaluate", found=0, expected="1 or more", hint="Check the file.")
    if isinstance(task, TokenClassification):
        return _entity_metrics(rows, [each for each in predictions if isinstance(each, Entities)], task)
    if isinstance(task, QuestionAnswering):
        return _answer_metrics(rows, [each for each in predictions if isinstance(each, Extraction)])
    if isinstance(task, TextEmbedding):
        return _embedding_metrics(rows, [each for each in predictions if isinstance(each, Embedding)])
    assert isinstance(task, TextPair)
    found = np.array([each.score for each in predictions if isinstance(each, Rating)])
    low, high = task.score_range
    return _rating_metrics(_gold_scores(rows), found, near=0.1 * (high - low))


def predict_rows(pipeline: Pipeline, rows: LabelledRows) -> list[Prediction]:
    """The prediction for each input of the rows; raises the InputError of the first that cannot be answered."""
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
    """The measurement of one model's predictions, one a row; `clusters` names the cluster of each row."""
    found = task_metrics(rows, predictions, task)
    count = np.ones(len(found.right), dtype=np.int64)
    if clusters is None and isinstance(task, QuestionAnswering):
        clusters = rows.seconds
    weights = draw_cluster_resamples(np.arange(len(count)), clusters, resamples=resamples, seed=seed)
    whole = count[np.newaxis].astype(np.float64)
    return TaskEvaluation(
        task=task.task,
        name=name,
        rows=len(rows),
        metrics={
            key: Estimate(float(metric(whole)[0]), *percentile_interval(metric(weights)))
            for key, metric in found.functions.items()
        },
        types=found.types,
        clusters=None if clusters is None else len(set(clusters)),
        resamples=resamples,
        seed=seed,
    )


def compare_headline(
    rows: LabelledRows, new: Sequence[Prediction], old: Sequence[Prediction], task: Task, *, margin: float
) -> NonInferiority:
    """Whether the new model is no worse than the old one by more than `margin` in the headline metric, by the paired
    bootstrap over rows."""
    ours, theirs = task_metrics(rows, new, task), task_metrics(rows, old, task)
    count = np.ones(len(ours.right), dtype=np.int64)
    metric_new, metric_old = (each.functions[each.headline] for each in (ours, theirs))
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
        flips=int((ours.right != theirs.right).sum()),
        gained=int((ours.right & ~theirs.right).sum()),
        lost=int((theirs.right & ~ours.right).sum()),
    )


def _entity_metrics(rows: LabelledRows, predictions: Sequence[Entities], task: TokenClassification) -> TaskMetrics:
    if rows.spans is None:
        raise CorpusError("the rows carry no entities", expected="spans", hint="Give a file with entities.")
    counts = count_entities(rows.spans, predictions)
    return TaskMetrics(
        {
            "f1": _f1_metric(counts, counts.strict),
            "precision": _ratio_metric(counts.strict, counts.found),
            "recall": _ratio_metric(counts.strict, counts.gold),
            "exact_f1": _f1_metric(counts, counts.exact),
            "partial_f1": _f1_metric(counts, counts.partial),
            "type_f1": _f1_metric(counts, counts.typed),
        },
        (counts.strict == counts.gold) & (counts.strict == counts.found),
        score_types(rows.spans, predictions, task.types),
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
        ratings = _rating_metrics(gold, similarity, near=np.inf)
        return TaskMetrics({"spearman": ratings.functions["spearman"]}, ratings.right)
    similarity = cosine(vectors, vectors)
    np.fill_diagonal(similarity, -np.inf)
    nearest = similarity.argmax(axis=1)
    right = np.array([rows.labels[row] == rows.labels[other] for row, other in enumerate(nearest.tolist())])
    functions = {
        "nearest_accuracy": _mean_metric(right.astype(np.float64)),
        "mean_reciprocal_rank": _mean_metric(reciprocal_ranks(similarity, rows.labels)),
    }
    return TaskMetrics(functions, right)


def _rating_metrics(gold: Values, found: Values, *, near: float) -> TaskMetrics:
    from scipy.stats import rankdata

    return TaskMetrics(
        {
            "pearson": _correlation_metric(gold, found),
            "spearman": _correlation_metric(rankdata(gold), rankdata(found)),
            "mean_absolute_error": _mean_metric(np.abs(gold - found)),
        },
        np.abs(gold - found) <= near,
    )


def _gold_scores(rows: LabelledRows) -> Values:
    if rows.scores is None:
        raise CorpusError("the rows carry no scores", expected="a number a row", hint="Give a file with scores.")
    return np.asarray(rows.scores, dtype=np.float64)


def _to_unit_length(vectors: Values) -> Values:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def _mean_metric(values: Values) -> Metric:
    return lambda weights: np.asarray(weights @ values / weights.sum(axis=1))


def _ratio_metric(part: Values, whole: Values) -> Metric:
    def metric(weights: Weights) -> Values:
        below = weights @ whole
        return np.divide(weights @ part, below, out=np.zeros_like(below), where=below > 0)

    return metric


def _f1_metric(counts: EntityCounts, right: Values) -> Metric:
    return _ratio_metric(2.0 * right, counts.gold + counts.found)


def _correlation_metric(gold: Values, found: Values) -> Metric:
    """Pearson's; of ranks it is Spearman's, with the ranks of the whole sample in every resample."""

    def metric(weights: Weights) -> Values:
        total = weights.sum(axis=1)
        means = [weights @ side / total for side in (gold, found)]
        products = weights @ (gold * found) / total - means[0] * means[1]
        variances = [weights @ (side * side) / total - mean**2 for side, mean in zip((gold, found), means, strict=True)]
        below = np.sqrt(np.maximum(variances[0] * variances[1], 0.0))
        return np.asarray(np.divide(products, below, out=np.zeros_like(below), where=below > 1e-12))

    return metric

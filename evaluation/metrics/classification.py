"""Metrics of a classifier on labelled rows. The decisions are those of the decoder that serves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score, hamming_loss, precision_recall_fscore_support

from glossator.evaluation.calibration.probability_checks import check_probabilities
from glossator.evaluation.calibration.reliability import (
    ReliabilityBin,
    brier_score,
    expected_calibration_error,
    reliability_bins,
)
from glossator.evaluation.metrics.gold_labels import gold_matrix, widen
from glossator.evaluation.metrics.ranking import ranking_metrics
from glossator.evaluation.metrics.threshold_curve import ThresholdPoint, threshold_curve
from glossator.evaluation.statistics.bootstrap import (
    RESAMPLES,
    Estimate,
    draw_cluster_resamples,
    group_rows,
    percentile_interval,
    weighted_metrics,
)
from glossator.service.bundle.task import Calibration, Classifier, ProblemType
from glossator.service.errors import CorpusError, Fault, InputError
from glossator.service.tasks.encoded import Floats
from glossator.service.tasks.text_classification import conformal_set, decide, probabilities

COVERAGES = (0.9, 0.95, 0.99)
"""The coverages of conformal sets that are measured."""

_MAX_LISTED_ROWS = 20
_MIN_RESAMPLES = 50
_MAX_RANKED_CELLS = 1_500_000_000
"""The largest rows x labels x resamples for ranking metrics: about ten seconds. More cells get fewer resamples."""
_SINGLE_LABEL_METRICS = {
    "accuracy": "exact",
    "macro_f1": "macro_f1",
    "weighted_f1": "weighted_f1",
    "micro_f1": "micro_f1",
}
_MULTI_LABEL_METRICS = {
    "macro_f1": "macro_f1",
    "micro_f1": "micro_f1",
    "weighted_f1": "weighted_f1",
    "subset_accuracy": "exact",
    "hamming_accuracy": "hamming",
}
"""The metrics in the order shown, and the name of each in `weighted_metrics`."""


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Scores of one label. `support` counts its gold rows, `predicted` the rows that it was assigned to."""

    label: str
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows of label `gold` that were labelled `predicted`; `share` is their share of all rows of `gold`."""

    gold: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often a conformal set with requested coverage `asked` contains the gold label.

    `measured` has a 95 % Wilson interval; `labels` is the average size of a set.
    """

    asked: float
    measured: Estimate
    labels: float


@with_config(ConfigDict(extra="forbid"))  # unknown fields of a newer version are an error
@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Metrics of a classifier on labelled rows. `to_dict` returns JSON-ready fields, `from_dict` reads them.

    `metrics`, each with its 95 % bootstrap interval:

    - single-label: `accuracy`, `macro_f1`, `weighted_f1`, `micro_f1` (equal to accuracy);
    - multi-label: `macro_f1`, `micro_f1`, `weighted_f1`, `subset_accuracy` (all labels of the row are right) and
      `hamming_accuracy` (the share of right yes-or-no decisions);
    - multi-label, and single-label with two labels: `auroc` and `average_precision`, averaged over the labels that have
      rows with and without them; for two labels, of the second one.

    `macro_f1` is the plain mean over *every* label of the task. A label that occurs neither in gold nor in predictions
    counts as 0 (scikit-learn with `labels=` all labels and `zero_division=0`), so leaving out a class never helps.

    A gold label that the model lacks is one more label, which the model never assigns: rows with it are wrong.

    Attributes:
        name: The split, such as `test`.
        labels: Those of the task, then those of `unknown_labels`.
        unknown_labels: The number of rows of each gold label that the model lacks.
        distinct_texts: How many texts differ in more than case, white space and numbers; None if not counted.
        ece: Expected calibration error in 15 bins. Single-label: of the probability of the predicted label.
            Multi-label: the mean over labels, of each label's own probability.
        ece_before: `ece` with temperature 1; None for multi-label.
        temperature: The temperature of the model; None for multi-label.
        brier: Squared error. Single-label: summed over labels (0 to 2). Multi-label: mean over labels (0 to 1).
        coverages: Conformal sets, one entry per value of `COVERAGES`; empty if the model has none.
        classes: Scores per label.
        bins: The reliability diagram; for multi-label, of the decisions of all labels together.
        confusion: Row counts, gold label down and predicted label across, in the order of `labels`. None for
            multi-label, where a missed label has no counterpart.
        curve: Precision and recall by threshold.
        clusters: How many clusters of rows the resamples were drawn from; None if rows were drawn one by one.
    """

    format_version: Literal[1] = 1
    name: str
    problem_type: ProblemType
    labels: tuple[str, ...]
    unknown_labels: dict[str, int] = field(default_factory=dict)
    rows: int
    distinct_texts: int | None = None
    metrics: dict[str, Estimate]
    ece: float
    ece_before: float | None = None
    temperature: float | None = None
    brier: float
    coverages: tuple[Coverage, ...] = ()
    classes: tuple[ClassScore, ...]
    bins: tuple[ReliabilityBin, ...]
    confusion: tuple[tuple[int, ...], ...] | None
    curve: tuple[ThresholdPoint, ...] = ()
    clusters: int | None = None
    resamples: int
    seed: int

    def top_confusions(self, limit: int = 10) -> list[Confusion]:
        """Return the most frequent mistakes of a single-label task, most rows first; empty for multi-label."""
        if self.confusion is None:
            return []
        confusions = [
            Confusion(gold, predicted, count, count / sum(row))
            for gold, row in zip(self.labels, self.confusion, strict=True)
            for predicted, count in zip(self.labels, row, strict=True)
            if count and gold != predicted
        ]
        return sorted(confusions, key=lambda confusion: -confusion.count)[:limit]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields; all numbers are finite."""
        fields: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return fields

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Evaluation:
        """Return the evaluation from the fields of `to_dict`; raises InputError that lists every fault."""
        try:
            return _ADAPTER.validate_python(dict(fields))
        except ValidationError as error:
            raise InputError(
                "the fields are not those of an evaluation",
                expected="the fields that Evaluation.to_dict writes, format version 1",
                faults=[
                    Fault("evaluation-schema", item["msg"], ".".join(str(part) for part in item["loc"]))
                    for item in error.errors()
                ],
            ) from None


_ADAPTER = TypeAdapter(Evaluation)


def evaluate_classifier(
    gold: Sequence[tuple[str, ...]],
    probability: Floats,
    task: Classifier,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    name: str = "test",
    clusters: Sequence[str] | None = None,
) -> Evaluation:
    """Evaluate probabilities against gold labels; decisions follow `glossator.service.tasks`, thresholds included.

    Args:
        gold: The gold labels of each row.
        probability: The probabilities, `(rows, labels)`.
        task: The task of the model, with its calibration.
        seed: Seed of the resamples.
        resamples: Bootstrap resamples per interval.
        name: The split, such as `test`.
        clusters: The cluster of each row, such as its document: intervals are then over clusters.

    Raises:
        CorpusError: There are no rows, or a row of a single-label task does not have exactly one label.
        InputError: The array has the wrong shape or does not hold probabilities.
    """
    single = task.problem_type == "single_label_classification"
    truth, unknown = _gold_matrix(gold, task)  # (rows, labels)
    labels = (*task.labels, *unknown)
    known = check_probabilities(probability, (len(truth), len(task.labels)), single_label=single)
    decided = widen(decide(known, task), len(labels))
    probability = widen(known, len(labels))
    right = decided == truth
    if single:
        confidence, correct = probability[decided], right.all(axis=1)
        ece = expected_calibration_error(confidence, correct)
        brier = brier_score(truth, probability)
    else:
        confidence, correct = probability.ravel(), truth.ravel()
        ece = float(np.mean([expected_calibration_error(probability[:, i], truth[:, i]) for i in range(len(labels))]))
        brier = brier_score(truth, probability) / len(labels)
    return Evaluation(
        name=name,
        problem_type=task.problem_type,
        labels=labels,
        unknown_labels=unknown,
        rows=len(truth),
        metrics=_estimate_metrics(truth, decided, clusters, single=single, resamples=resamples, seed=seed)
        | _estimate_ranking_metrics(truth, probability, clusters, single=single, resamples=resamples, seed=seed),
        ece=ece,
        ece_before=_ece_before(known, decided[:, : len(task.labels)], correct, task) if single else None,
        temperature=task.calibration.temperature if single else None,
        brier=brier,
        coverages=_measure_coverages(known, truth[:, : len(task.labels)], task) if single else (),
        classes=_class_scores(truth, decided, labels),
        bins=reliability_bins(confidence, correct),
        confusion=_confusion_matrix(truth, decided) if single else None,
        curve=threshold_curve(truth, probability, single_label=single),
        clusters=None if clusters is None else len(set(clusters)),
        resamples=resamples,
        seed=seed,
    )


def _ece_before(probability: Floats, decided: NDArray[np.bool_], correct: NDArray[np.bool_], task: Classifier) -> float:
    """Return the calibration error with temperature 1; the logits follow from the probabilities up to a constant."""
    logits = task.calibration.temperature * np.log(np.maximum(np.asarray(probability, dtype=np.float64), 1e-300))
    plain = task.model_copy(update={"calibration": Calibration()})
    return expected_calibration_error(probabilities(logits, plain)[decided], correct)


def _measure_coverages(probability: Floats, truth: NDArray[np.bool_], task: Classifier) -> tuple[Coverage, ...]:
    if task.calibration.nonconformity is None:
        return ()
    coverages = []
    for asked in COVERAGES:
        sets = conformal_set(probability, task, asked)
        covered = int((sets & truth).any(axis=1).sum())
        low, high = binomtest(covered, len(truth)).proportion_ci(method="wilson")
        coverages.append(
            Coverage(asked, Estimate(covered / len(truth), float(low), float(high)), float(sets.sum(axis=1).mean()))
        )
    return tuple(coverages)


def _gold_matrix(gold: Sequence[tuple[str, ...]], task: Classifier) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Return `gold_matrix`; raises CorpusError as in `evaluate_classifier`."""
    if not gold:
        raise CorpusError(
            "there are no rows to evaluate", found=0, expected="1 or more", hint="Check the file and its rejected rows."
        )
    truth, unknown = gold_matrix(gold, task.labels)
    not_one = np.flatnonzero(truth.sum(axis=1) != 1)
    if task.problem_type == "single_label_classification" and len(not_one):
        counts = Counter(int(count) for count in truth.sum(axis=1)[not_one])
        raise CorpusError(
            "a single-label model needs rows with exactly one gold label",
            found="; ".join(f"{rows:,} rows with {count} labels" for count, rows in sorted(counts.items())),
            expected="one label per row",
            hint="Split or remove these rows, or train a multi-label model.",
            faults=[
                Fault("not-one-label", ", ".join(gold[row]) or "no label", f"row {row + 1}")
                for row in not_one[:_MAX_LISTED_ROWS].tolist()
            ],
        )
    return truth, unknown


def _estimate_ranking_metrics(
    truth: NDArray[np.bool_],
    probability: Floats,
    clusters: Sequence[str] | None,
    *,
    single: bool,
    resamples: int,
    seed: int,
) -> dict[str, Estimate]:
    """Return AUROC and average precision, with fewer resamples for very large inputs."""
    if single and truth.shape[1] != 2:
        return {}
    truth, scores = (truth[:, 1:], probability[:, 1:]) if single else (truth, probability)
    resamples = min(resamples, max(_MIN_RESAMPLES, _MAX_RANKED_CELLS // truth.size))
    weights = draw_cluster_resamples(np.arange(len(truth)), clusters, resamples=resamples, seed=seed)
    full = [float(values[0]) for values in ranking_metrics(truth, scores, np.ones((1, len(truth))))]
    if not np.isfinite(full[0]):
        return {}
    drawn = [values[np.isfinite(values)] for values in ranking_metrics(truth, scores, weights)]
    return {
        name: Estimate(value, *percentile_interval(values))
        for name, value, values in zip(("auroc", "average_precision"), full, drawn, strict=True)
    }


def _estimate_metrics(
    truth: NDArray[np.bool_],
    decided: NDArray[np.bool_],
    clusters: Sequence[str] | None,
    *,
    single: bool,
    resamples: int,
    seed: int,
) -> dict[str, Estimate]:
    """Return the values by scikit-learn with bootstrap intervals."""
    values = {
        "exact": float(accuracy_score(truth, decided)),
        "hamming": 1.0 - float(hamming_loss(truth, decided)),
        "macro_f1": float(f1_score(truth, decided, average="macro", zero_division=0)),
        "micro_f1": float(f1_score(truth, decided, average="micro", zero_division=0)),
        "weighted_f1": float(f1_score(truth, decided, average="weighted", zero_division=0)),
    }
    _, groups, (truth_once, decided_once) = group_rows(truth, decided)
    weights = draw_cluster_resamples(groups, clusters, resamples=resamples, seed=seed)
    resampled = weighted_metrics(truth_once, decided_once, weights)
    names = _SINGLE_LABEL_METRICS if single else _MULTI_LABEL_METRICS
    return {name: Estimate(values[source], *percentile_interval(resampled[source])) for name, source in names.items()}


def _class_scores(
    truth: NDArray[np.bool_], decided: NDArray[np.bool_], labels: Sequence[str]
) -> tuple[ClassScore, ...]:
    precision, recall, f1, support = precision_recall_fscore_support(truth, decided, average=None, zero_division=0)
    return tuple(
        ClassScore(
            label=label,
            support=int(support[i]),
            predicted=int(decided[:, i].sum()),
            precision=float(precision[i]),
            recall=float(recall[i]),
            f1=float(f1[i]),
        )
        for i, label in enumerate(labels)
    )


def _confusion_matrix(truth: NDArray[np.bool_], decided: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
    """Return row counts by gold label (down) and predicted label (across)."""
    counts = truth.astype(np.int64).T @ decided.astype(np.int64)  # (labels, labels)
    return tuple(tuple(row) for row in counts.tolist())

"""How good a classifier is on labelled rows, decided by the decoder that serves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from glossator.modeling.labelled_rows import indicator
from glossator.service.bundle.task import Calibration, Classifier, ProblemType
from glossator.service.errors import CorpusError, Fault, InputError
from glossator.service.tasks.encoded import Floats
from glossator.service.tasks.text_classification import conformal_set, decide, probabilities

COVERAGES = (0.9, 0.95, 0.99)
"""Which coverages are measured."""

_MAX_LISTED_ROWS = 20
_MIN_RESAMPLES = 50
_MAX_RANKED_CELLS = 1_500_000_000
"""Rows by labels by resamples that are ranked, at most: about ten seconds."""
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
"""Headline metrics in the order shown, and what `weighted_metrics` calls each."""


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One label: its gold rows (`support`), the rows it was given to (`predicted`), and how the two meet."""

    label: str
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows of `gold` that were called `predicted`; `share` is their part of all rows of `gold`."""

    gold: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often the set of labels given for `asked` coverage holds the true label, with its 95 % Wilson interval, and
    how many labels such a set has in the mean."""

    asked: float
    measured: Estimate
    labels: float


@with_config(ConfigDict(extra="forbid"))  # a newer writer's fields are refused, not half understood
@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A finished measurement; `to_dict` is ready for JSON and `from_dict` reads it back, equal.

    `metrics`, each with its 95 % bootstrap interval:

    - single-label: `accuracy`, `macro_f1`, `weighted_f1`, `micro_f1` (which equals accuracy);
    - multi-label: `macro_f1`, `micro_f1`, `weighted_f1`, `subset_accuracy` (the whole set of labels is right) and
      `hamming_accuracy` (the share of right yes-or-no decisions);
    - multi-label, and single-label with two labels: `auroc` and `average_precision`, the mean over labels that have
      rows with and without them; of two labels the second.

    `macro_f1` is the plain mean over *every* label of the task: one that occurs neither in gold nor in decisions counts
    as 0 (scikit-learn with `labels=` all labels and `zero_division=0`), so that leaving a class out never helps.

    `ece` is the expected calibration error in 15 bins. Single-label bins the probability of the label decided on;
    multi-label bins each label's own probability against its gold rows and takes the mean over the labels. `brier` is
    the squared error summed over labels for single-label (0 to 2), the mean over labels for multi-label (0 to 1).
    `bins` is the reliability diagram; for multi-label it pools the decisions of all labels. `ece_before` is the `ece`
    without the temperature, `temperature` that temperature; None where none was fitted.

    `coverages` has what conformal sets of labels come to, for each of COVERAGES; empty where the model gives none.

    `curve` is what a threshold on the probability gives and takes. `clusters` is how many clusters of rows the
    resamples were drawn from; None where rows were drawn one by one.

    `confusion` counts rows, gold label down and decided label across, both in the order of `labels`; None for
    multi-label, where a missed label has no counterpart.
    """

    format_version: Literal[1] = 1
    name: str
    problem_type: ProblemType
    labels: tuple[str, ...]
    rows: int
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
        """The commonest mistakes of a single-label task, most rows first; empty for multi-label."""
        if self.confusion is None:
            return []
        found = [
            Confusion(gold, predicted, count, count / sum(row))
            for gold, row in zip(self.labels, self.confusion, strict=True)
            for predicted, count in zip(self.labels, row, strict=True)
            if count and gold != predicted
        ]
        return sorted(found, key=lambda confusion: -confusion.count)[:limit]

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as plain dicts, lists, strings and finite numbers."""
        fields: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return fields

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Evaluation:
        """The evaluation that `to_dict` gave; raises InputError where the fields are not one, naming each fault."""
        try:
            return _ADAPTER.validate_python(dict(fields))
        except ValidationError as error:
            raise InputError(
                "this is not an evaluation",
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
    """Measures `probability` `(rows, labels)` against the gold labels of each row; `name` says which split it is.

    `clusters` names the cluster of each row, a document say: then intervals are over clusters.

    Decisions are those of `glossator.service.tasks`, thresholds included. Raises CorpusError where there are no rows, where gold
    labels are unknown to the model (all of them are listed) or a single-label row has not exactly one, and InputError
    where the probabilities do not fit.
    """
    single = task.problem_type == "single_label_classification"
    truth = _gold_matrix(gold, task)  # (rows, labels)
    wide = check_probabilities(probability, truth.shape, single_label=single)
    decided = decide(wide, task)
    right = decided == truth
    if single:
        confidence, correct = wide[decided], right.all(axis=1)
        ece = expected_calibration_error(confidence, correct)
        brier = brier_score(truth, wide)
    else:
        confidence, correct = wide.ravel(), truth.ravel()
        ece = float(np.mean([expected_calibration_error(wide[:, i], truth[:, i]) for i in range(len(task.labels))]))
        brier = brier_score(truth, wide) / len(task.labels)
    return Evaluation(
        name=name,
        problem_type=task.problem_type,
        labels=tuple(task.labels),
        rows=len(truth),
        metrics=_estimate_metrics(truth, decided, clusters, single=single, resamples=resamples, seed=seed)
        | _estimate_ranking_metrics(truth, wide, clusters, single=single, resamples=resamples, seed=seed),
        ece=ece,
        ece_before=_ece_before(wide, decided, correct, task) if single else None,
        temperature=task.calibration.temperature if single else None,
        brier=brier,
        coverages=_measure_coverages(wide, truth, task) if single else (),
        classes=_class_scores(truth, decided, task.labels),
        bins=reliability_bins(confidence, correct),
        confusion=_confusion_matrix(truth, decided) if single else None,
        curve=threshold_curve(truth, wide, single_label=single),
        clusters=None if clusters is None else len(set(clusters)),
        resamples=resamples,
        seed=seed,
    )


def _ece_before(wide: Floats, decided: NDArray[np.bool_], correct: NDArray[np.bool_], task: Classifier) -> float:
    """The calibration error of softmax without the temperature: the logits are known from it up to a constant."""
    logits = task.calibration.temperature * np.log(np.maximum(np.asarray(wide, dtype=np.float64), 1e-300))
    plain = task.model_copy(update={"calibration": Calibration()})
    return expected_calibration_error(probabilities(logits, plain)[decided], correct)


def _measure_coverages(wide: Floats, truth: NDArray[np.bool_], task: Classifier) -> tuple[Coverage, ...]:
    if task.calibration.nonconformity is None:
        return ()
    found = []
    for asked in COVERAGES:
        sets = conformal_set(wide, task, asked)
        held = int((sets & truth).any(axis=1).sum())
        low, high = binomtest(held, len(truth)).proportion_ci(method="wilson")
        found.append(
            Coverage(asked, Estimate(held / len(truth), float(low), float(high)), float(sets.sum(axis=1).mean()))
        )
    return tuple(found)


def _gold_matrix(gold: Sequence[tuple[str, ...]], task: Classifier) -> NDArray[np.bool_]:
    """The gold labels as `(rows, labels)`, checked."""
    if not gold:
        raise CorpusError(
            "there are no rows to evaluate", found=0, expected="1 or more", hint="Check the file and its rejects."
        )
    truth = indicator(gold, task.labels)
    odd = np.flatnonzero(truth.sum(axis=1) != 1)
    if task.problem_type == "single_label_classification" and len(odd):
        counts = Counter(int(count) for count in truth.sum(axis=1)[odd])
        raise CorpusError(
            "a single-label model is measured on rows with exactly one gold label",
            found="; ".join(f"{rows:,} rows with {count} labels" for count, rows in sorted(counts.items())),
            expected="one label a row",
            hint="Split or drop those rows, or train a multi-label model.",
            faults=[
                Fault("not-one-label", ", ".join(gold[row]) or "no label", f"row {row + 1}")
                for row in odd[:_MAX_LISTED_ROWS].tolist()
            ],
        )
    return truth


def _estimate_ranking_metrics(
    truth: NDArray[np.bool_],
    wide: Floats,
    clusters: Sequence[str] | None,
    *,
    single: bool,
    resamples: int,
    seed: int,
) -> dict[str, Estimate]:
    """How well the probabilities rank; over very many cells with fewer resamples, so that it ends."""
    if single and truth.shape[1] != 2:
        return {}
    truth, scores = (truth[:, 1:], wide[:, 1:]) if single else (truth, wide)
    resamples = min(resamples, max(_MIN_RESAMPLES, _MAX_RANKED_CELLS // truth.size))
    weights = draw_cluster_resamples(np.arange(len(truth)), clusters, resamples=resamples, seed=seed)
    whole = [float(values[0]) for values in ranking_metrics(truth, scores, np.ones((1, len(truth))))]
    if not np.isfinite(whole[0]):
        return {}
    drawn = [values[np.isfinite(values)] for values in ranking_metrics(truth, scores, weights)]
    return {
        name: Estimate(value, *percentile_interval(values))
        for name, value, values in zip(("auroc", "average_precision"), whole, drawn, strict=True)
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
    """Values by scikit-learn, intervals by resampling."""
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
    """Rows by gold label (down) and decided label (across)."""
    counts = truth.astype(np.int64).T @ decided.astype(np.int64)  # (labels, labels)
    return tuple(tuple(row) for row in counts.tolist())

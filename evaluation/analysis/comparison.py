"""Compares models with a baseline on the same rows: how large is the difference, is it chance, could it be seen at all?

- **Size**: the difference of the headline metric with its 95 % interval, by the paired bootstrap over rows.
- **Chance**: for accuracies, McNemar's test on the rows that only one model gets right. The mid-p value is used: unlike
  the exact one it keeps 5 % of false alarms at 5 % (Fagerland, Lydersen and Laake 2013); the exact one is reported too.
  For other metrics, approximate randomisation: the answers of the two models are swapped at random, row by row (Noreen
  1989; Yeh 2000). With several models the p-values are corrected by Holm's method (1979).
- **Smallest detectable difference**: the true difference that a test set like this one reveals four times out of five,
  with 5 % of false alarms: (1.96 + 0.84) standard errors of the difference. If the models agree on every row, 3 rows
  are assumed to differ: with up to 3, seeing none is no surprise (the rule of three, Hanley and Lippman-Hand 1983).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.metrics.gold_labels import gold_matrix, widen
from glossator.evaluation.metrics.model_answers import ModelAnswers
from glossator.evaluation.metrics.task_metrics import task_metrics
from glossator.evaluation.statistics.bootstrap import (
    RESAMPLES,
    Estimate,
    Metric,
    Weights,
    draw_resamples,
    percentile_interval,
    weighted_metrics,
)
from glossator.evaluation.statistics.noninferiority import CONFIDENCE, paired_proportions_interval
from glossator.evaluation.statistics.paired_tests import (
    SHUFFLES,
    SIGNIFICANCE_LEVEL,
    approximate_randomisation,
    holm_correction,
    mcnemar,
)
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.errors import ConfigError
from glossator.service.tasks.decoders import Prediction

POWER = 0.8
"""How often the smallest detectable difference is found."""

Verdict = Literal["better", "worse", "not shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One model compared with the baseline on the same rows.

    Attributes:
        value, baseline_value: The headline `metric` of the model and of the baseline.
        difference: `value - baseline_value` with its 95 % interval.
        bound: The one-sided 95 % lower bound of the difference.
        p_value: The two-sided p-value by `test`; `p_corrected` is corrected for the number of models.
        p_exact: McNemar's exact p-value; None for other tests.
        detectable: The smallest detectable difference.
        gained, lost: The rows that only the model, or only the baseline, gets right.
        verdict: What `p_corrected` shows at 5 %.
        non_inferior: Whether `bound` is above `-margin`; None without a margin.
    """

    name: str
    baseline: str
    metric: str
    rows: int
    value: float
    baseline_value: float
    difference: Estimate
    bound: float
    test: Literal["McNemar, mid-p", "approximate randomisation"]
    p_value: float
    p_exact: float | None
    p_corrected: float
    detectable: float
    gained: tuple[int, ...]
    lost: tuple[int, ...]
    verdict: Verdict
    margin: float | None
    non_inferior: bool | None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return asdict(self)


def compare_models(
    rows: LabelledRows,
    answers: Sequence[ModelAnswers],
    *,
    margin: float | None = None,
    resamples: int = RESAMPLES,
    shuffles: int = SHUFFLES,
    seed: int = 0,
) -> list[Comparison]:
    """Compare each model with the first one, the baseline.

    Args:
        rows: The labelled rows that the models answered.
        answers: The answers of the baseline, then of the other models.
        margin: How much worse a model may be, as a share, to be non-inferior.
        resamples: Bootstrap resamples per interval.
        shuffles: Random swaps per p-value of approximate randomisation.
        seed: Seed of resamples and swaps.

    Returns:
        One comparison per model, without the baseline.

    Raises:
        ConfigError: There are fewer than two models, or their tasks or labels differ.
    """
    if len(answers) < 2:
        raise ConfigError("a comparison needs two models or more", found=len(answers), expected="2 or more")
    baseline, *others = answers
    comparisons = [
        _compare_pair(rows, other, baseline, margin=margin, resamples=resamples, shuffles=shuffles, seed=seed)
        for other in others
    ]
    corrected = holm_correction([each.p_value for each in comparisons])
    return [
        replace(each, p_corrected=p, verdict=_verdict_of(each.difference.value, p))
        for each, p in zip(comparisons, corrected, strict=True)
    ]


def correct_rows(rows: LabelledRows, model: ModelAnswers) -> NDArray[np.bool_]:
    """Return which rows the model gets completely right, `(rows,)`."""
    return headline_metric(rows, model)[2]


def _compare_pair(
    rows: LabelledRows,
    new: ModelAnswers,
    old: ModelAnswers,
    *,
    margin: float | None,
    resamples: int,
    shuffles: int,
    seed: int,
) -> Comparison:
    _check_same_task(new, old)
    count = len(rows)
    (name, metric_new, right_new), (_, metric_old, right_old) = (headline_metric(rows, each) for each in (new, old))
    value, baseline_value = (float(metric(np.ones((1, count)))[0]) for metric in (metric_new, metric_old))
    weights = draw_resamples(np.ones(count, dtype=np.int64), resamples=resamples, seed=seed)
    differences = metric_new(weights) - metric_old(weights)
    gained, lost = np.flatnonzero(right_new & ~right_old), np.flatnonzero(right_old & ~right_new)
    is_accuracy = name in ("accuracy", "nearest_accuracy")
    if is_accuracy:
        p_value, exact = mcnemar(len(gained), len(lost))
        bound = paired_proportions_interval(len(gained), len(lost), count)[0]
    else:
        p_value, exact = (
            approximate_randomisation(_stacked_metric(rows, new, old), count, shuffles=shuffles, seed=seed),
            None,
        )
        bound = percentile_interval(differences, level=2.0 * CONFIDENCE - 1.0)[0]
    standard_error = float(differences.std()) or math.sqrt(3.0) / count
    normal = NormalDist()
    return Comparison(
        name=new.name,
        baseline=old.name,
        metric=name,
        rows=count,
        value=value,
        baseline_value=baseline_value,
        difference=Estimate(value - baseline_value, *percentile_interval(differences)),
        bound=bound,
        test="McNemar, mid-p" if is_accuracy else "approximate randomisation",
        p_value=p_value,
        p_exact=exact,
        p_corrected=p_value,
        detectable=(normal.inv_cdf(1 - SIGNIFICANCE_LEVEL / 2) + normal.inv_cdf(POWER)) * standard_error,
        gained=tuple(gained.tolist()),
        lost=tuple(lost.tolist()),
        verdict=_verdict_of(value - baseline_value, p_value),
        margin=margin,
        non_inferior=None if margin is None else bound > -margin,
    )


def _check_same_task(new: ModelAnswers, old: ModelAnswers) -> None:
    if (new.task.task, new.task.labels) != (old.task.task, old.task.labels):
        raise ConfigError(
            "the models have different tasks or labels",
            found=f"{new.name}: {new.task.task}, {len(new.task.labels)} labels; "
            f"{old.name}: {old.task.task}, {len(old.task.labels)} labels",
            expected="the same task and the same labels in the same order",
            hint="Models of one task with different labels: glossator compare --other-labels.",
        )


def headline_metric(rows: LabelledRows, model: ModelAnswers) -> tuple[str, Metric, NDArray[np.bool_]]:
    """Return the name of the headline metric, the metric as a function of row weights, and which rows are right."""
    if model.decided is None:
        assert model.predictions is not None
        metrics = task_metrics(rows, model.predictions, model.task)
        return metrics.headline, metrics.functions[metrics.headline], metrics.right
    gold = gold_matrix(rows.labels, model.task.labels)[0]
    decided = widen(model.decided, gold.shape[1])
    single = getattr(model.task, "problem_type", "") == "single_label_classification"
    name, source = ("accuracy", "exact") if single else ("macro_f1", "macro_f1")
    return name, partial(_label_metric, source, gold, decided), (decided == gold).all(axis=1)


def _label_metric(
    source: str, gold: NDArray[np.bool_], decided: NDArray[np.bool_], weights: Weights
) -> NDArray[np.float64]:
    return weighted_metrics(gold, decided, weights)[source]


def _stacked_metric(rows: LabelledRows, new: ModelAnswers, old: ModelAnswers) -> Metric:
    """Return the headline metric over the answers of both models, those of the new one first."""
    if new.decided is not None and old.decided is not None:
        decided = np.vstack([new.decided, old.decided])
        return headline_metric(_repeat_rows(rows), replace(new, decided=decided))[1]
    assert new.predictions is not None
    assert old.predictions is not None
    both: list[Prediction] = []
    for begin in range(0, len(new.predictions), len(rows)):  # pairs have two vectors: all first texts, then all second
        part = slice(begin, begin + len(rows))
        both += [*new.predictions[part], *old.predictions[part]]
    return headline_metric(_repeat_rows(rows), replace(new, predictions=both))[1]


def _repeat_rows(rows: LabelledRows) -> LabelledRows:
    return LabelledRows(
        texts=rows.texts * 2,
        labels=rows.labels * 2,
        seconds=None if rows.seconds is None else rows.seconds * 2,
        spans=None if rows.spans is None else rows.spans * 2,
        scores=None if rows.scores is None else rows.scores * 2,
    )


def _verdict_of(difference: float, p_value: float) -> Verdict:
    if p_value >= SIGNIFICANCE_LEVEL:
        return "not shown"
    return "better" if difference > 0 else "worse"

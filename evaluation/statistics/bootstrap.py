"""Percentile bootstrap over rows, computed on row counts: a thousand resamples are a few matrix products.

Rows with equal gold labels and equal predictions have the same effect on every metric here. They are grouped first, and
one resample of n rows is one multinomial draw of n over the groups. The distribution is that of drawing rows one by one
(Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13), but the cost no longer grows with the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.errors import ConfigError

Weights = NDArray[np.float64]
"""How often each group of rows occurs, `(resamples, groups)`."""

Metric = Callable[[Weights], NDArray[np.float64]]
"""Maps weights `(resamples, groups)` to the metric of each resample, `(resamples,)`."""

CONFIDENCE_LEVEL = 0.95
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval. `low` and `high` are percentiles of resamples, not value ± error."""

    value: float
    low: float
    high: float


def group_rows(
    *matrices: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[NDArray[np.bool_], ...]]:
    """Group equal rows; return the size of each group, the group of each row, and the matrices with one row per group.

    The matrices, each `(rows, labels)`, describe the same rows; rows that agree in all matrices form a group. Sizes are
    `(groups,)`, groups `(rows,)`.

    >>> gold = np.array([[True, False], [False, True], [True, False]])
    >>> counts, groups, (grouped,) = group_rows(gold)
    >>> counts.tolist(), groups.tolist(), grouped.tolist()
    ([1, 2], [1, 0, 1], [[False, True], [True, False]])
    """
    packed = np.packbits(np.concatenate(matrices, axis=1), axis=1)
    _, first, group, counts = np.unique(packed, axis=0, return_index=True, return_inverse=True, return_counts=True)
    return counts.astype(np.int64), group.reshape(-1).astype(np.int64), tuple(matrix[first] for matrix in matrices)


def draw_resamples(counts: NDArray[np.int64], *, resamples: int = RESAMPLES, seed: int = 0) -> Weights:
    """Draw resamples with replacement, each with as many rows as the data: `(resamples, groups)`."""
    if resamples < 1:
        raise ConfigError("an interval needs at least one resample", found=resamples, expected="1 or more")
    rows = int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(rows, counts / rows, size=resamples)
    return drawn.astype(np.float64)


def draw_cluster_resamples(
    groups: NDArray[np.int64], clusters: Sequence[str] | None, *, resamples: int = RESAMPLES, seed: int = 0
) -> Weights:
    """Draw resamples of entire clusters, since rows of one cluster are not independent (Field and Welsh 2007).

    `groups` `(rows,)` is the group of each row, `clusters` its cluster; None makes each row its own cluster. Returns
    `(resamples, groups)`.
    """
    if clusters is None:
        return draw_resamples(np.bincount(groups), resamples=resamples, seed=seed)
    from scipy.sparse import csr_array

    first: dict[str, int] = {}
    cluster = np.array([first.setdefault(name, len(first)) for name in clusters])
    shape = (len(first), int(groups.max()) + 1)
    rows_of = csr_array((np.ones(len(groups)), (cluster, groups)), shape=shape)  # (clusters, groups)
    drawn = draw_resamples(np.ones(len(first), dtype=np.int64), resamples=resamples, seed=seed)
    return np.asarray(drawn @ rows_of)


def percentile_interval(values: NDArray[np.float64], *, level: float = CONFIDENCE_LEVEL) -> tuple[float, float]:
    """Return the percentile interval that contains the middle `level` of the values."""
    low, high = np.quantile(values, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def weighted_metrics(
    gold: NDArray[np.bool_], decided: NDArray[np.bool_], weights: Weights
) -> dict[str, NDArray[np.float64]]:
    """Return the metrics of each resample, `(resamples,)` each; `gold` and `decided` are `(groups, labels)`.

    `exact` is the share of rows with exactly the right labels (accuracy for single-label, subset accuracy for
    multi-label), `hamming` the share of right yes-or-no decisions. F1 follows scikit-learn with every label of the task
    and `zero_division=0`: a label that is absent from a resample, in gold and decisions, counts as 0.
    """
    right = weights @ (gold & decided).astype(np.float64)  # (resamples, labels)
    support = weights @ gold.astype(np.float64)
    predicted = weights @ decided.astype(np.float64)
    rows = weights.sum(axis=1)
    f1 = _divide_or_zero(2.0 * right, support + predicted)
    agree = gold == decided
    return {
        "exact": weights @ agree.all(axis=1).astype(np.float64) / rows,
        "hamming": weights @ agree.mean(axis=1) / rows,
        "macro_f1": f1.mean(axis=1),
        "micro_f1": _divide_or_zero(2.0 * right.sum(axis=1), (support + predicted).sum(axis=1)),
        "weighted_f1": _divide_or_zero((f1 * support).sum(axis=1), support.sum(axis=1)),
    }


def paired_difference(
    metric_a: Metric,
    metric_b: Metric,
    counts: NDArray[np.int64],
    *,
    level: float = CONFIDENCE_LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Return `metric_a - metric_b` on the same rows with its interval; both metrics see the same resamples.

    Pairing cancels the difficulty of the rows, so the interval is much narrower than two separate ones suggest.
    """
    weights = draw_resamples(counts, resamples=resamples, seed=seed)
    all_rows = counts[np.newaxis].astype(np.float64)
    low, high = percentile_interval(metric_a(weights) - metric_b(weights), level=level)
    return Estimate(value=float((metric_a(all_rows) - metric_b(all_rows))[0]), low=low, high=high)


def _divide_or_zero(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `numerator / denominator`, or 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)

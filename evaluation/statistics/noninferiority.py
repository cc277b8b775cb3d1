"""Non-inferiority: is the new model at most a given margin worse than the old one, on the same rows?

The new model is non-inferior if the one-sided 95 % lower bound of the difference (new minus old) is above minus the
margin. With few rows the bound is low and the result is "not shown", which does not mean "worse".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.statistics.bootstrap import (
    RESAMPLES,
    Metric,
    Weights,
    group_rows,
    paired_difference,
    weighted_metrics,
)
from glossator.service.errors import InputError

MARGIN = 0.005
CONFIDENCE = 0.95
"""The confidence of each bound alone: `low` to `high` is a two-sided 90 % interval."""


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """A comparison of two models on the same rows.

    `difference` is `new - old`; `low` and `high` are its one-sided 95 % bounds. `flips` counts the rows where the
    models differ, `gained` those that only the new one gets right, `lost` those that only the old one gets right.
    """

    new: float
    old: float
    difference: float
    low: float
    high: float
    margin: float
    non_inferior: bool
    rows: int
    flips: int
    gained: int
    lost: int


def compare_accuracies(
    correct_new: NDArray[np.bool_], correct_old: NDArray[np.bool_], *, margin: float = MARGIN
) -> NonInferiority:
    """Compare two accuracies; the arguments say which rows each model gets right, `(rows,)` each.

    The bounds are Tango's score bounds (Statistics in Medicine 17, 1998, 891-908). They keep their level with few rows
    and few flips, where a normal approximation fails: even without a flip the lower bound is below 0, at
    `-z²/(rows + z²)`, so a margin of 0.005 needs about 540 rows. Flips between two wrong answers are not counted.
    Raises InputError if the arrays differ in length or are empty.
    """
    _check_same_rows(correct_new.shape, correct_old.shape)
    rows = len(correct_new)
    gained, lost = int((correct_new & ~correct_old).sum()), int((correct_old & ~correct_new).sum())
    low, high = paired_proportions_interval(gained, lost, rows)
    return NonInferiority(
        new=float(correct_new.mean()),
        old=float(correct_old.mean()),
        difference=(gained - lost) / rows,
        low=low,
        high=high,
        margin=margin,
        non_inferior=low > -margin,
        rows=rows,
        flips=gained + lost,
        gained=gained,
        lost=lost,
    )


def compare_macro_f1(
    gold: NDArray[np.bool_],
    decided_new: NDArray[np.bool_],
    decided_old: NDArray[np.bool_],
    *,
    margin: float = MARGIN,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> NonInferiority:
    """Compare two macro F1 by the paired bootstrap; all arrays are `(rows, labels)`.

    `gained` and `lost` count rows with exactly the right labels. A bootstrap only sees flips that occurred: if two
    models agree on every row, it finds them equal even with few rows. Raises InputError if the arrays differ in shape
    or are empty.
    """
    _check_same_rows(gold.shape, decided_new.shape)
    _check_same_rows(gold.shape, decided_old.shape)
    counts, _, (gold_once, new_once, old_once) = group_rows(gold, decided_new, decided_old)
    difference = paired_difference(
        _macro_f1_metric(gold_once, new_once),
        _macro_f1_metric(gold_once, old_once),
        counts,
        level=2.0 * CONFIDENCE - 1.0,
        resamples=resamples,
        seed=seed,
    )
    all_rows = counts[np.newaxis].astype(np.float64)
    right_new, right_old = (decided_new == gold).all(axis=1), (decided_old == gold).all(axis=1)
    return NonInferiority(
        new=float(_macro_f1_metric(gold_once, new_once)(all_rows)[0]),
        old=float(_macro_f1_metric(gold_once, old_once)(all_rows)[0]),
        difference=difference.value,
        low=difference.low,
        high=difference.high,
        margin=margin,
        non_inferior=difference.low > -margin,
        rows=len(gold),
        flips=int((decided_new != decided_old).any(axis=1).sum()),
        gained=int((right_new & ~right_old).sum()),
        lost=int((right_old & ~right_new).sum()),
    )


def paired_proportions_interval(
    gained: int, lost: int, rows: int, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return Tango's score bounds of `(gained - lost) / rows`, each one-sided at `confidence`.

    The table of Bentur et al. (2009), two-sided 95 %, as in Fagerland, Lydersen and Laake (2014), table V:

    >>> low, high = paired_proportions_interval(1, 7, 21, confidence=0.975)
    >>> round(low, 3), round(high, 3)
    (-0.517, -0.026)
    """
    quantile = NormalDist().inv_cdf(confidence)
    return _lower_bound(gained, lost, rows, quantile), -_lower_bound(lost, gained, rows, quantile)


def _lower_bound(gained: int, lost: int, rows: int, quantile: float) -> float:
    from scipy.optimize import bisect

    observed = (gained - lost) / rows
    if observed == -1.0:
        return -1.0
    root = bisect(
        lambda difference: _tango_score(difference, gained, lost, rows) - quantile, -1.0, observed, xtol=1e-12
    )
    return float(root)


def _tango_score(difference: float, gained: int, lost: int, rows: int) -> float:
    """Return Tango's statistic: the distance of the data from a true `difference`, in standard errors.

    The standard error uses the most likely share of lost rows given that difference, the root of a quadratic.
    """
    a = 2.0 * rows
    b = (2.0 * rows - gained + lost) * difference - gained - lost
    c = -lost * difference * (1.0 - difference)
    lost_share = (math.sqrt(max(b * b - 4.0 * a * c, 0.0)) - b) / (2.0 * a)
    variance = rows * (2.0 * lost_share + difference * (1.0 - difference))
    above = gained - lost - rows * difference
    if variance <= 0.0:
        return math.copysign(math.inf, above) if above else 0.0
    return above / math.sqrt(variance)


def _macro_f1_metric(gold: NDArray[np.bool_], decided: NDArray[np.bool_]) -> Metric:
    def metric(weights: Weights) -> NDArray[np.float64]:
        return weighted_metrics(gold, decided, weights)["macro_f1"]

    return metric


def _check_same_rows(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    if first != second or first[0] == 0:
        raise InputError(
            "a comparison needs the same rows for both models, and at least one",
            found=f"arrays of shape {first} and {second}",
            expected="the same shape",
        )

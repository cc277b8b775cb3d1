"""Is the new model no worse than the old one, by more than a margin, on the same rows?

A one-sided question with a one-sided answer: the new model is non-inferior where the 95 % lower bound of the
difference (new minus old) lies above minus the margin. Where rows are few the bound is low, and the answer is "not
shown", which is not "worse".
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
"""Of each bound by itself: `low` to `high` is a two-sided 90 % interval."""


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """A comparison on the same rows. `difference` is `new - old`; `low` and `high` are its one-sided 95 % bounds.

    `flips` counts the rows where the two differ, `gained` those that only the new one has right, `lost` those that
    only the old one has right.
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
    """Compares two accuracies from which rows each model has right, both `(rows,)`.

    The bounds are Tango's score bounds (Statistics in Medicine 17, 1998, 891-908), which keep their level with few
    rows and few flips, where a normal approximation fails: with no flip at all the lower bound is still below 0, at
    `-z²/(rows + z²)`, so about 540 rows are the fewest that can show a margin of 0.005. Flips between two wrong
    answers cannot be seen here. Raises InputError where the rows do not pair.
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
    """Compares two macro-F1 by the paired bootstrap; all three are `(rows, labels)`.

    `gained` and `lost` count rows whose whole set of labels is right. A bootstrap knows only flips that happened: of
    two models that agree on every row it says that they are equal, however few the rows. Raises InputError where the
    rows do not pair.
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
    whole = counts[np.newaxis].astype(np.float64)
    right_new, right_old = (decided_new == gold).all(axis=1), (decided_old == gold).all(axis=1)
    return NonInferiority(
        new=float(_macro_f1_metric(gold_once, new_once)(whole)[0]),
        old=float(_macro_f1_metric(gold_once, old_once)(whole)[0]),
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
    """Tango's score bounds of `(gained - lost) / rows`, each one-sided at `confidence`.

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
    """Tango's statistic: how many standard errors the data lie above `difference`, were that the true difference.

    The standard error takes the most likely share of lost rows under that difference, the root of a quadratic.
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


def _check_same_rows(ours: tuple[int, ...], theirs: tuple[int, ...]) -> None:
    if ours != theirs or ours[0] == 0:
        raise InputError(
            "two models are compared on the same rows, at least one",
            found=f"arrays of shape {ours} and {theirs}",
            expected="the same shape",
        )

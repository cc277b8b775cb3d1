"""Agreement of reviewers: Krippendorff's alpha, which allows any number of reviewers and missing answers.

`alpha = 1 - observed disagreement / disagreement expected by chance`: 1 is perfect, 0 is what chance gives, below 0 is
systematic disagreement (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 500
_SEED = 20
_MOST_CELLS = 20_000_000

Distance = Callable[[Sequence[Any]], NDArray[np.float64]]
"""Maps distinct values to their distances `(values, values)`: 0 on the diagonal, symmetric."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far reviewers agree.

    `alpha`: None if it is not defined, because fewer than two values can be compared or all of them are the same.
    `low`, `high`: 95 % of the alphas of resampled units, for one look; None if alpha is, or if there are too many
    different values. `units`: those with two values or more. `same`: the share of pairs of values that are equal.
    """

    alpha: float | None
    low: float | None
    high: float | None
    units: int
    same: float | None


def nominal(values: Sequence[Hashable]) -> NDArray[np.float64]:
    """Return 0 for the same value, 1 for different ones `(values, values)`."""
    return 1.0 - np.eye(len(values))


def masi(values: Sequence[frozenset[str]]) -> NDArray[np.float64]:
    """Return the MASI distances of sets `(values, values)`; for sets of one label each, the nominal ones.

    1 - Jaccard index * monotonicity: 1 for equal sets, 2/3 if one contains the other, 1/3 if they overlap, 0 if not
    (Passonneau 2006).
    """
    names = {name: place for place, name in enumerate(sorted(set().union(*values)))}
    members = np.zeros((len(values), len(names)))  # (values, labels)
    for row, value in enumerate(values):
        members[row, [names[name] for name in value]] = 1.0
    both = members @ members.T  # (values, values)
    sizes = members.sum(axis=1)
    either = sizes[:, None] + sizes - both
    jaccard = np.where(either > 0, both / np.maximum(either, 1.0), 1.0)  # two empty sets are equal
    smaller = np.minimum(sizes[:, None], sizes)
    monotonicity = np.where(both == either, 1.0, np.where(both == smaller, 2.0, 1.0) / 3.0)
    return np.asarray(1.0 - jaccard * monotonicity, dtype=np.float64)


def krippendorff(units: Sequence[Sequence[Hashable]], distance: Distance = nominal) -> Agreement:
    """Return the agreement of the values of each unit: one per reviewer who gave one, in any order.

    The interval comes from resampling the units with a fixed seed.
    """
    pairable = [unit for unit in units if len(unit) >= 2]
    values = list(dict.fromkeys(value for unit in pairable for value in unit))
    if not pairable or len(values) > 4_000:
        return Agreement(None, None, None, len(pairable), _same(pairable))
    place = {value: index for index, value in enumerate(values)}
    distances = distance(values)  # (values, values)
    counts = np.zeros((len(pairable), len(values)))  # (units, values)
    observed = np.zeros(len(pairable))
    for row, unit in enumerate(pairable):
        found = [place[value] for value in unit]
        np.add.at(counts[row], found, 1.0)
        observed[row] = distances[np.ix_(found, found)].sum() / (len(unit) - 1)
    (alpha,) = _alphas(np.ones((1, len(pairable))), counts, observed, distances)
    low = high = None
    if np.isfinite(alpha) and RESAMPLES * max(counts.shape) <= _MOST_CELLS:
        random = np.random.default_rng(_SEED)
        weights = random.multinomial(len(pairable), np.full(len(pairable), 1.0 / len(pairable)), size=RESAMPLES)
        found_alphas = _alphas(weights.astype(np.float64), counts, observed, distances)
        found_alphas = found_alphas[np.isfinite(found_alphas)]
        if len(pairable) > 1 and len(found_alphas) > RESAMPLES // 2:
            low, high = (float(each) for each in np.quantile(found_alphas, [0.025, 0.975]))
    return Agreement(float(alpha) if np.isfinite(alpha) else None, low, high, len(pairable), _same(pairable))


def _alphas(
    weights: NDArray[np.float64],
    counts: NDArray[np.float64],
    observed: NDArray[np.float64],
    distances: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return an alpha for each row of weights of the units; NaN where it is not defined. `(rows,)`"""
    totals = weights @ counts  # (rows, values)
    number = totals.sum(axis=1)
    expected = ((totals @ distances) * totals).sum(axis=1) / np.maximum(number - 1.0, 1.0)
    found = weights @ observed
    return np.where(expected > 0.0, 1.0 - found / np.where(expected > 0.0, expected, 1.0), np.nan)


def _same(units: Sequence[Sequence[Hashable]]) -> float | None:
    pairs = sum(len(unit) * (len(unit) - 1) for unit in units)
    equal = sum(count * (count - 1) for unit in units for count in Counter(unit).values())
    return equal / pairs if pairs else None

"""How far a sample is from a reference sample: an effect size with an interval, without assumptions.

Both samples are finite: each has bounds around its distribution, with half of the error (`drift_bounds`), and the
interval is what the two allow. It holds for one comparison of independent texts that was planned; a stream that is
watched all the time needs the test in `drift`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glossator.service.statistics.drift_bounds import (
    Bounds,
    Floats,
    distribution_bounds,
    share_bounds,
    total_variation_width,
)

Verdict = Literal["drifted", "within", "not shown"]
"""Shown to be more than the tolerance, shown to be at most the tolerance, or neither."""


@dataclass(frozen=True, slots=True)
class SampleDistance:
    """The distance of two distributions, 0 to 1, estimated and with its interval."""

    value: float
    low: float
    high: float

    def verdict(self, tolerance: float) -> Verdict:
        """Return what the interval says about a tolerance."""
        if self.low > tolerance:
            return "drifted"
        return "within" if self.high <= tolerance else "not shown"


UNKNOWN = SampleDistance(0.0, 0.0, 1.0)
"""Without a sample."""


def number_distance(reference: ArrayLike, sample: ArrayLike, alpha: float) -> SampleDistance:
    """Return the largest distance between the distribution functions of two samples of numbers.

    Args:
        reference: The values of the reference `(values,)`, in any order.
        sample: The values of the sample.
        alpha: The probability that the interval misses the distance.
    """
    first = np.sort(np.asarray(reference, dtype=np.float64))
    second = np.sort(np.asarray(sample, dtype=np.float64))
    if not len(first) or not len(second):
        return UNKNOWN
    points = np.concatenate([[-np.inf], np.unique(np.concatenate([first, second]))])
    counts = [np.searchsorted(each, points, side="right").astype(np.float64) for each in (first, second)]
    bounds = [
        distribution_bounds(count, len(each), alpha / 2.0) for count, each in zip(counts, (first, second), strict=True)
    ]
    value = float(np.abs(counts[0] / len(first) - counts[1] / len(second)).max())
    return SampleDistance(value, *_interval(*bounds))


def label_distance(
    reference: Mapping[str, int],
    texts: int,
    sample: Mapping[str, int],
    sample_texts: int,
    alpha: float,
    *,
    single_label: bool,
) -> SampleDistance:
    """Return how far the labels of a sample of texts are from those of the reference.

    Args:
        reference: How many texts of the reference have each label.
        texts: The number of texts of the reference.
        sample: The same for the sample. Labels that the reference lacks are ignored.
        sample_texts: The number of texts of the sample.
        alpha: The probability that the interval misses the distance.
        single_label: Every text has exactly one label: the distance is the total variation, which is the largest
            difference of the share of any set of labels. Otherwise, it is that of a single label.
    """
    if not texts or not sample_texts or not reference:
        return UNKNOWN
    sizes = (texts, sample_texts)
    counts = [np.array([each.get(name, 0) for name in reference], dtype=np.float64) for each in (reference, sample)]
    differences = np.abs(counts[0] / sizes[0] - counts[1] / sizes[1])
    spent = alpha / 3.0 if single_label else alpha
    bounds = [share_bounds(count, size, spent / 2.0) for count, size in zip(counts, sizes, strict=True)]
    low, high = _interval(*bounds)
    if not single_label:
        return SampleDistance(float(differences.max()), low, high)
    value = float(differences.sum()) / 2.0
    width = sum(total_variation_width(size, len(reference), spent / 2.0) for size in sizes)
    low = max(low, value - width, _set_difference(counts, sizes, spent))
    return SampleDistance(value, min(low, value), min(1.0, value + width))


def _set_difference(counts: Sequence[Floats], sizes: Sequence[int], alpha: float) -> float:
    """Return a lower bound of the difference of the share of some set of labels.

    The set has the labels that are more frequent in one half of both samples; its shares are those of the other halves.
    A random half of counts is multivariate hypergeometric, as if the texts had been divided.
    """
    generator = np.random.default_rng(0)
    chosen, tested, rest = [], [], []
    for count, size in zip(counts, sizes, strict=True):
        with_others = np.append(count, max(0.0, size - count.sum())).astype(np.int64)
        half = generator.multivariate_hypergeometric(with_others, int(with_others.sum()) // 2, method="marginals")
        chosen.append(half / max(1, int(half.sum())))
        tested.append(with_others - half)
        rest.append(max(1, int((with_others - half).sum())))
    grown = chosen[1] > chosen[0]
    bounds = [
        share_bounds(np.array([float(count[grown].sum())]), size, alpha / 2.0)
        for count, size in zip(tested, rest, strict=True)
    ]
    return _interval(*bounds)[0]


def _interval(first: Bounds, second: Bounds) -> tuple[float, float]:
    """Return bounds of the largest difference of probabilities that have these bounds."""
    apart: NDArray[np.float64] = np.maximum(second.low - first.high, first.low - second.high)
    together: Floats = np.maximum(second.high - first.low, first.high - second.low)
    return max(0.0, float(apart.max())), min(1.0, float(together.max()))

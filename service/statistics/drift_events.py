"""The events of a summary whose probabilities are compared with the reference, and how they are counted.

Numbers are counted in bins: below the first point, at it, between it and the next, and so on. Counts are exact at the
points, which come from the reference sample.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from glossator.service.statistics.drift_bounds import Bounds, Floats, distribution_bounds, share_bounds

Ints = NDArray[np.int64]

LABELS = "labels"
"""The name of the summary that is the labels of a text."""
OTHER = "any other label"
"""The label of texts that were given none of the reference."""
POINTS = 31
"""Values of a reference sample at which distribution functions are compared, besides a value below all of them."""


class NumberEvents:
    """The events "at most x" of a summary that is a number, for points x `(points,)`, ascending.

    The points are the smallest reference value less a little, and quantiles of the reference.
    """

    def __init__(self, values: Sequence[float], alpha: float) -> None:
        ordered = np.sort(np.asarray(values, dtype=np.float64))
        size = self.size = len(ordered)
        ranks = np.ceil(np.arange(1, POINTS + 1) * size / POINTS).astype(np.int64) - 1
        self.points: Floats = np.unique(np.concatenate([[np.nextafter(ordered[0], -np.inf)], ordered[ranks]]))
        at_most = np.searchsorted(ordered, self.points, side="right").astype(np.float64)
        self.shares: Floats = at_most / size
        """The share of reference values that are at most each point `(points,)`."""
        self.shares_below: Floats = np.searchsorted(ordered, self.points, side="left") / size
        """The share of reference values below each point `(points,)`."""
        self.bounds: Bounds = distribution_bounds(at_most, size, alpha)
        self._points = self.points.tolist()
        self.bins = 2 * len(self._points) + 1

    def bin_of(self, value: float) -> int:
        """Return the bin of a value: 2 i between points i - 1 and i, 2 i + 1 at point i."""
        place = bisect_left(self._points, value)
        return 2 * place + (place < len(self._points) and self._points[place] == value)

    @staticmethod
    def at_most(counts: Ints) -> Floats:
        """Return how many values are at most each point, from the counts of the bins."""
        return np.cumsum(counts)[1::2].astype(np.float64)

    @staticmethod
    def below(counts: Ints) -> Floats:
        """Return how many values are below each point, from the counts of the bins."""
        return np.cumsum(counts)[:-1:2].astype(np.float64)


class LabelEvents:
    """The events "this label was given", for each label of the reference and for all others together.

    With `sets`, texts have exactly one label, and there are events "one of these labels was given". The labels of a
    set are chosen from a stream, without looking at the reference: a change of many rare labels moves no single one by
    much.
    """

    def __init__(self, counts: Mapping[str, int], size: int, alpha: float, *, sets: int) -> None:
        self.names = [*sorted(counts), OTHER]
        self.size = size
        self.sets = sets
        found = np.array([counts.get(name, 0) for name in self.names[:-1]] + [0], dtype=np.float64)
        self.shares: Floats = found / size
        self.bounds: Bounds = share_bounds(found, size, alpha)
        self.members: NDArray[np.bool_] = np.zeros((sets, len(self.names)), dtype=bool)
        """The labels of each set `(sets, labels)`."""
        self._places = {name: place for place, name in enumerate(self.names)}

    def places_of(self, labels: Sequence[str]) -> set[int]:
        """Return the places of the labels of one text."""
        other = len(self.names) - 1
        return {self._places.get(label, other) for label in labels}

    def choose(self, counts: Ints, covered: Sequence[float]) -> None:
        """Choose the sets: the fewest labels that cover these shares of a stream, given the counts of its labels."""
        order = np.argsort(-counts, kind="stable")
        shares = np.cumsum(counts[order]) / max(1, int(counts.sum()))
        for place, share in enumerate(covered):
            self.members[place] = False
            self.members[place, order[: int(np.searchsorted(shares, share)) + 1]] = True

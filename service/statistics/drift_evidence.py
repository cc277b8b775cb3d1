"""The evidence of many tests of one stream: each asks whether an event has become more probable than an edge.

One test has several alternatives, each a likelihood ratio of the event's probability against the edge. Evidence is the
sum of the ratios over all beginnings of a change, see `drift`. In addition, each ratio knows its most likely beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ALTERNATIVES = (0.05, 0.12, 0.25, 0.5, 0.85)
"""How far the probability of the event may be on its way from the edge to 1."""


class Leader(NamedTuple):
    """The test of a group with the most evidence, and when the change began by it."""

    test: int
    since: int
    """Texts before the change."""
    since_time: float


class Evidence:
    """The evidence of all tests of a stream.

    Args:
        edges: The largest probability of the event of each test that nobody cares about; 1: never tested `(tests,)`.
        groups: The number of the group of each test `(tests,)`.
        weights: The weight of each test in its group; those of a group sum up to 1 `(tests,)`.
        most: Evidence of a group is capped near this number.
    """

    def __init__(self, edges: Floats, groups: Ints, weights: Floats, most: float) -> None:
        shape = (len(edges), len(ALTERNATIVES))
        self._groups = groups
        self._weights = weights / len(ALTERNATIVES)
        self._cap = (most / np.maximum(self._weights, 1e-12))[:, np.newaxis]
        self._is_tested = np.zeros(len(edges), dtype=bool)
        self._hit: Floats = np.zeros(shape)
        self._miss: Floats = np.zeros(shape)
        self._sum_of_ratios: Floats = np.zeros(shape)
        self._path: Floats = np.zeros(shape)  # the logarithm of the ratio since its most likely beginning
        self._since: Ints = np.zeros(shape, dtype=np.int64)
        self._since_time: Floats = np.zeros(shape)
        self.set_edges(np.arange(len(edges)), edges)

    def set_edges(self, tests: Ints, edges: Floats) -> None:
        """Change the edges of some tests, for the texts to come `(changed,)`."""
        is_tested = edges < 1.0
        edge = np.where(is_tested, edges, 0.5)[:, np.newaxis]
        alternative = edge + (1.0 - edge) * np.array(ALTERNATIVES)
        self._is_tested[tests] = is_tested
        self._hit[tests] = np.where(is_tested[:, np.newaxis], np.log(alternative / edge), 0.0)
        self._miss[tests] = np.where(is_tested[:, np.newaxis], np.log((1.0 - alternative) / (1.0 - edge)), 0.0)

    def add(self, texts: Floats, hits: Floats, *, before: int, time: float) -> None:
        """Add a block of texts.

        Args:
            texts: How many texts of the block could have the event of each test `(tests,)`.
            hits: How many of these have it `(tests,)`.
            before: The number of texts before the block.
            time: The time of its first text.
        """
        count = texts[:, np.newaxis]
        ratios = hits[:, np.newaxis] * self._hit + (texts - hits)[:, np.newaxis] * self._miss
        self._sum_of_ratios += count
        self._sum_of_ratios *= np.exp(ratios)
        np.minimum(self._sum_of_ratios, self._cap, out=self._sum_of_ratios)
        fresh = self._path <= 0.0
        self._since[fresh] = before
        self._since_time[fresh] = time
        np.maximum(self._path, 0.0, out=self._path)
        self._path += ratios

    def of_groups(self, groups: int) -> Floats:
        """Return the evidence of each group `(groups,)`."""
        found = np.bincount(self._groups, self._of_tests().sum(axis=1), minlength=groups)
        return found.astype(np.float64)

    def leader(self, group: int) -> Leader:
        """Return the test of a group with the most evidence."""
        found = np.where((self._groups == group)[:, np.newaxis], self._of_tests(), -1.0)
        test, alternative = np.unravel_index(int(found.argmax()), found.shape)
        place = (int(test), int(alternative))
        return Leader(place[0], int(self._since[place]), float(self._since_time[place]))

    def clear(self, group: int) -> None:
        """Forget what was seen of a group."""
        self._sum_of_ratios[self._groups == group] = 0.0
        self._path[self._groups == group] = 0.0

    def _of_tests(self) -> Floats:
        weights = self._weights * self._is_tested
        return np.asarray(self._sum_of_ratios * weights[:, np.newaxis])

    def to_state(self) -> dict[str, Any]:
        """Return what was seen, as arrays."""
        return {
            "sum_of_ratios": self._sum_of_ratios,
            "path": self._path,
            "since": self._since,
            "since_time": self._since_time,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same tests. Raises ValueError or KeyError."""
        found = {name: fitting(state[name], like) for name, like in self.to_state().items()}
        self._sum_of_ratios, self._path = found["sum_of_ratios"], found["path"]
        self._since, self._since_time = found["since"], found["since_time"]


def fitting(array: Any, like: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of a stored array with the type of another. Raises ValueError if it has another shape or a NaN."""
    found = np.array(array, dtype=like.dtype)
    if found.shape != like.shape or not np.isfinite(found).all():
        raise ValueError(f"an array of the shape {found.shape}, expected {like.shape}")
    return found

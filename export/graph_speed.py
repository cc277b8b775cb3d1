"""Compares the speed of two graphs on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable

_FEWEST_ROUNDS = 3
_MOST_ROUNDS = 9
_SECONDS = 2.0
"""After the fewest rounds, a comparison that takes longer ends."""


def speed_ratio(
    new: Callable[[], object], old: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return how many times as fast `new` is as `old`, both of which answer the same texts.

    They run in turns, so that other work on the machine slows down both, and the best time of each counts: other work
    only makes a round slower. `clock` returns seconds.
    """
    new()  # the first run of a graph allocates its memory
    old()
    times: tuple[list[float], list[float]] = ([], [])
    started = clock()
    while len(times[0]) < _FEWEST_ROUNDS or (len(times[0]) < _MOST_ROUNDS and clock() - started < _SECONDS):
        for run, measured in zip((new, old), times, strict=True):
            before = clock()
            run()
            measured.append(clock() - before)
    return min(times[1]) / min(times[0])

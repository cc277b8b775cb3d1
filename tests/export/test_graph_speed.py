"""The comparison of the speed of two graphs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from glossator.export.graph_speed import speed_ratio


class Clock:
    """A clock that only the measured work moves, so that the figures are exact."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order: list[str] = []

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, seconds: list[float]) -> Callable[[], None]:
        def run() -> None:
            self.order.append(name)
            self.now += seconds.pop(0) if len(seconds) > 1 else seconds[0]

        return run


def test_the_best_times_of_interleaved_rounds_are_compared() -> None:
    clock = Clock()
    new, old = clock.work("new", [9.0, 1.0, 0.5, 1.0]), clock.work("old", [9.0, 2.0, 3.0, 2.0])
    assert speed_ratio(new, old, clock) == pytest.approx(2.0 / 0.5)
    assert clock.order == ["new", "old"] * 4  # a first run of each, and three rounds: more than two seconds


def test_short_runs_are_repeated() -> None:
    clock = Clock()
    assert speed_ratio(clock.work("new", [0.02]), clock.work("old", [0.01]), clock) == pytest.approx(0.5)
    assert len(clock.order) == 2 + 2 * 9

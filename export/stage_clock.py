"""Announces the stages of an export and measures how long each takes."""

from __future__ import annotations

import time
from collections.abc import Callable


class StageClock:
    """Reports the name of each stage when it starts; `seconds` holds the duration of each finished stage."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._current: tuple[str, float] | None = None
        self.seconds: dict[str, float] = {}

    def start(self, stage: str) -> None:
        """End the current stage and start another."""
        self.stop()
        self._report(stage)
        self._current = (stage, time.monotonic())

    def stop(self) -> None:
        """End the current stage."""
        if self._current is not None:
            stage, started = self._current
            self.seconds[stage] = round(time.monotonic() - started, 2)
            self._current = None

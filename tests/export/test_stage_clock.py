"""The clock of the stages of an export."""

from __future__ import annotations

import time

from glossator.export.stage_clock import StageClock


def test_stages_are_reported_when_they_start_and_timed_when_they_end() -> None:
    reported: list[str] = []
    clock = StageClock(reported.append)
    clock.start("first")
    time.sleep(0.05)
    clock.start("second")
    assert reported == ["first", "second"]
    assert list(clock.seconds) == ["first"]
    clock.stop()
    clock.stop()
    assert list(clock.seconds) == ["first", "second"]
    assert clock.seconds["first"] >= 0.05
    assert clock.seconds["second"] >= 0.0

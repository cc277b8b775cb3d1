"""A training of hours is announced after ten batches, with the measured speed; a short one is not."""

from __future__ import annotations

import pytest

from glossator.training.compute.slow_training import LONG_SECONDS, SlowTrainingNote
from glossator.training.progress import EpochDone, SilentProgress, StepDone


class Events(SilentProgress):
    """Keeps what it receives."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.others: list[StepDone | EpochDone] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def step(self, event: StepDone) -> None:
        self.others.append(event)

    def epoch(self, event: EpochDone) -> None:
        self.others.append(event)


def steps(count: int, eta: float) -> list[StepDone]:
    return [StepDone(0, 5, number + 1, 5_000, 0.7, 3.21, eta) for number in range(count)]


def test_a_long_training_is_announced_once_with_its_measured_speed() -> None:
    events = Events()
    note = SlowTrainingNote(events, "owner/large")
    note.stage("training")
    for event in steps(40, 9_000.0):
        note.step(event)
    note.epoch(EpochDone(0, "accuracy", 0.9, True, 0.7))
    begun, said = events.stages
    assert begun == "training"
    assert said.startswith("owner/large is slow to train here: 3.2 examples per second in the first 10 batches")
    assert "up to 2.5 hours in all" in said
    assert len(events.others) == 41  # every event was passed on


@pytest.mark.parametrize(("count", "eta"), [(9, 9_000.0), (40, LONG_SECONDS)])
def test_a_short_training_is_not(count: int, eta: float) -> None:
    events = Events()
    note = SlowTrainingNote(events, "starter")
    for event in steps(count, eta):
        note.step(event)
    assert events.stages == []

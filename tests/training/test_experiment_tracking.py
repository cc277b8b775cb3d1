from __future__ import annotations

from pathlib import Path

import pytest

from glossator.training.config import TrainingConfig
from glossator.training.experiment_tracking import TrackedProgress, track_progress
from glossator.training.progress import EpochDone, SilentProgress, StepDone


class RecordedProgress:
    """Remembers all events, in order."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def stage(self, name: str) -> None:
        self.events.append(name)

    def step(self, event: StepDone) -> None:
        self.events.append(event)

    def epoch(self, event: EpochDone) -> None:
        self.events.append(event)


class RecordedLog:
    """Remembers all numbers."""

    def __init__(self) -> None:
        self.scalars: list[tuple[str, float, int]] = []

    def scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.append((name, value, step))


def step_done(step: int) -> StepDone:
    return StepDone(0, 2, step, 50, loss=1.0 / step, examples_per_second=100.0 + step, eta_seconds=1.0)


def test_events_are_forwarded_and_every_tenth_step_is_logged() -> None:
    recorded, log = RecordedProgress(), RecordedLog()
    progress = TrackedProgress(recorded, [log])
    events: list[object] = ["encoding", *map(step_done, range(1, 26)), EpochDone(0, "macro_f1", 0.75, True, 0.1)]
    progress.stage("encoding")
    for step in range(1, 26):
        progress.step(step_done(step))
    progress.epoch(EpochDone(0, "macro_f1", 0.75, True, 0.1))
    assert recorded.events == events
    assert log.scalars == [
        ("train/loss", 0.1, 10),
        ("train/examples_per_second", 110.0, 10),
        ("train/loss", 0.05, 20),
        ("train/examples_per_second", 120.0, 20),
        ("validation/macro_f1", 0.75, 25),
    ]


def test_tensorboard_can_read_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with track_progress(SilentProgress(), tmp_path / "logs", TrainingConfig()) as progress:
        for step in range(1, 31):
            progress.step(step_done(step))
        progress.epoch(EpochDone(0, "accuracy", 0.5, True, 0.1))
    events = accumulator.EventAccumulator(str(tmp_path / "logs")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("validation/accuracy")] == [(30, 0.5)]
    assert [event.step for event in events.Scalars("train/loss")] == [10, 20, 30]


def test_no_folder_is_left_if_nothing_was_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with track_progress(SilentProgress(), tmp_path / "logs", TrainingConfig()) as progress:
        progress.stage("opening the base model")
    assert list(tmp_path.iterdir()) == []

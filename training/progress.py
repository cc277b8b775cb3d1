"""What a run tells while it runs. The command line draws it; tests collect it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StepDone:
    """After a batch. `loss` is a running mean, NaN where texts are only read; `eta_seconds` counts on all epochs being
    run."""

    epoch: int
    epochs: int
    step: int
    """Batches done, over all epochs."""
    steps: int
    loss: float
    examples_per_second: float
    eta_seconds: float


@dataclass(frozen=True, slots=True)
class EpochDone:
    """After an epoch's validation."""

    epoch: int
    metric: str
    value: float
    best: bool
    loss: float


class Progress(Protocol):
    """Hears of a run's progress."""

    def stage(self, name: str) -> None: ...

    def step(self, event: StepDone) -> None: ...

    def epoch(self, event: EpochDone) -> None: ...


class SilentProgress:
    """Hears nothing."""

    def stage(self, name: str) -> None: ...

    def step(self, event: StepDone) -> None: ...

    def epoch(self, event: EpochDone) -> None: ...

"""Progress events of training. The command line shows them; tests collect them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StepDone:
    """Sent after each batch. `loss` is a running mean, NaN if texts are only read; `eta_seconds` assumes all epochs."""

    epoch: int
    epochs: int
    step: int
    """The number of finished batches in all epochs."""
    steps: int
    loss: float
    examples_per_second: float
    eta_seconds: float


@dataclass(frozen=True, slots=True)
class EpochDone:
    """Sent after the validation of each epoch."""

    epoch: int
    metric: str
    value: float
    best: bool
    loss: float


class Progress(Protocol):
    """Receives the progress of training."""

    def stage(self, name: str) -> None:
        """A new stage of the work begins."""

    def step(self, event: StepDone) -> None:
        """A batch is finished."""

    def epoch(self, event: EpochDone) -> None:
        """An epoch is finished."""


class SilentProgress:
    """Ignores the progress of training."""

    def stage(self, name: str) -> None: ...

    def step(self, event: StepDone) -> None: ...

    def epoch(self, event: EpochDone) -> None: ...

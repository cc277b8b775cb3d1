"""Says once, early in a training, that it will take hours on this machine, and what would be faster."""

from __future__ import annotations

from glossator.training.progress import EpochDone, Progress, StepDone

MEASURED_STEPS = 10
"""The batches after which the duration is estimated."""
LONG_SECONDS = 3_600.0


class SlowTrainingNote:
    """Passes the events of a training on, and adds a stage if the measured speed means more than an hour."""

    def __init__(self, progress: Progress, base: str) -> None:
        self._progress = progress
        self._base = base
        self._steps = 0

    def stage(self, name: str) -> None:
        """A new stage begins; batches are counted anew."""
        self._steps = 0
        self._progress.stage(name)

    def step(self, event: StepDone) -> None:
        """A batch is finished."""
        self._progress.step(event)
        self._steps += 1
        if self._steps == MEASURED_STEPS and event.eta_seconds > LONG_SECONDS:
            self._progress.stage(
                f"{self._base} is slow to train here: {event.examples_per_second:.1f} examples per second in the first "
                f"{MEASURED_STEPS} batches, up to {event.eta_seconds / 3600:.1f} hours in all. Faster: a smaller "
                "--base, --algorithm frozen, fewer --epochs, or a GPU"
            )

    def epoch(self, event: EpochDone) -> None:
        """An epoch is validated."""
        self._progress.epoch(event)

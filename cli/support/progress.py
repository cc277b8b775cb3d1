"""Training progress on a terminal: a bar with speed and time left, a line an epoch."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from glossator.training.progress import EpochDone, StepDone

if TYPE_CHECKING:
    from rich.console import Console


_LINE_EVERY_SECONDS = 30.0


class TrainingProgress:
    """Draws what a run tells. On a plain stderr a line now and then takes the place of the bar."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = console
        self._bar = Progress(
            TextColumn("  {task.fields[what]}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} {task.fields[unit]}"),
            TextColumn("· {task.fields[speed]:.0f} examples/s · {task.fields[left]} left ·"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._said = time.monotonic()
        self._task = self._bar.add_task("", start=False, visible=False, total=1, what="", unit="", speed=0.0, left="")

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def stage(self, name: str) -> None:
        """One line."""
        self._console.print(f"· {name}", markup=False)

    def step(self, event: StepDone) -> None:
        """Moves the bar."""
        if not self._console.is_terminal and time.monotonic() - self._said >= _LINE_EVERY_SECONDS:
            self._said = time.monotonic()
            where = (
                f"epoch {event.epoch + 1}/{event.epochs}: {event.step:,}/{event.steps:,} batches, loss {event.loss:.3f}"
            )
            if math.isnan(event.loss):  # texts are read, nothing learns
                where = f"{event.step:,}/{event.steps:,} texts"
            speed = f"{event.examples_per_second:.0f} examples/s"
            self._console.print(f"  {where}, {speed}, {duration(event.eta_seconds)} left")
        self._bar.start_task(self._task)
        self._bar.update(
            self._task,
            visible=True,
            completed=event.step,
            total=event.steps,
            what="reading" if math.isnan(event.loss) else f"epoch {event.epoch + 1}/{event.epochs}",
            unit="texts" if math.isnan(event.loss) else f"batches · loss {event.loss:.3f}",
            speed=event.examples_per_second,
            left=duration(event.eta_seconds),
        )

    def epoch(self, event: EpochDone) -> None:
        """One line."""
        best = ", the best so far" if event.best else ""
        self._console.print(
            f"  epoch {event.epoch + 1}: loss {event.loss:.3f}, validation {event.metric} {event.value:.4f}{best}"
        )


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(75.2)
    '1 min 15 s'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"

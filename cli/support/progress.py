"""Draws the progress of workflows on a terminal: one line per step, and a bar while a model trains."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from glossator.training.progress import EpochDone, StepDone
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from rich.console import Console


_LINE_EVERY_SECONDS = 30.0


class ConsoleReporter(Reporter):
    """Prints what a workflow reports."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def stage(self, line: str) -> None:
        """Print `· line`."""
        self._console.print(f"· {line}", markup=False)

    def detail(self, line: str) -> None:
        """Print an indented line."""
        self._console.print(f"  {line}", markup=False)

    def training(self) -> TrainingProgress:
        """Return a progress bar."""
        return TrainingProgress(self._console)


class TrainingProgress:
    """A bar with speed and time left, and one line per epoch. Without a terminal: a line every half minute."""

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
        self._last_line = time.monotonic()
        self._task = self._bar.add_task("", start=False, visible=False, total=1, what="", unit="", speed=0.0, left="")

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def stage(self, name: str) -> None:
        """Print one line."""
        self._console.print(f"· {name}", markup=False)

    def step(self, event: StepDone) -> None:
        """Move the bar."""
        reading = math.isnan(event.loss)  # texts are encoded, no weights change
        if not self._console.is_terminal and time.monotonic() - self._last_line >= _LINE_EVERY_SECONDS:
            self._last_line = time.monotonic()
            where = (
                f"{event.step:,}/{event.steps:,} texts"
                if reading
                else f"epoch {event.epoch + 1}/{event.epochs}: {event.step:,}/{event.steps:,} batches, "
                f"loss {event.loss:.3f}"
            )
            speed = f"{event.examples_per_second:.0f} examples/s"
            self._console.print(f"  {where}, {speed}, {duration(event.eta_seconds)} left")
        self._bar.start_task(self._task)
        self._bar.update(
            self._task,
            visible=True,
            completed=event.step,
            total=event.steps,
            what="reading" if reading else f"epoch {event.epoch + 1}/{event.epochs}",
            unit="texts" if reading else f"batches · loss {event.loss:.3f}",
            speed=event.examples_per_second,
            left=duration(event.eta_seconds),
        )

    def epoch(self, event: EpochDone) -> None:
        """Print one line."""
        best = ", the best so far" if event.best else ""
        self._console.print(
            f"  epoch {event.epoch + 1}: loss {event.loss:.3f}, validation {event.metric} {event.value:.4f}{best}"
        )


def duration(seconds: float) -> str:
    """Return seconds as minutes and seconds.

    >>> duration(75.2)
    '1 min 15 s'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"

"""A call to the queue of a model: the windows of one request or of one chunk of a file, and their outputs so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from glossator.service.tasks.encoded import Floats

Lane = Literal["interactive", "bulk"]
Windows = Sequence[Sequence[int]]
Outputs = Sequence[Floats]
"""The outputs of the graph, one array per window."""
Run = Callable[[Windows], Outputs]
"""A function that returns the outputs of one batch."""

_NOTHING: Floats = np.empty(0, dtype=np.float32)


class BatchFuture(Future[Outputs]):
    """Future outputs of a call, with the seconds that its first window waited and that the graph ran."""

    waited = 0.0
    ran = 0.0

    def add(self, other: Future[Outputs]) -> None:
        """Add the times of another future to this one."""
        if isinstance(other, BatchFuture):
            self.waited += other.waited
            self.ran += other.ran


def follow(together: BatchFuture, step: Future[Outputs], then: Callable[[Outputs], Outputs | None]) -> None:
    """When `step` is done, finish `together` with the result of `then`, unless that is None.

    An error in `step` or `then` finishes `together` too. Cancelling `together` cancels `step`.
    """

    def done(step: Future[Outputs]) -> None:
        if together.cancelled():
            return
        together.add(step)
        try:
            outcome: Outputs | BaseException | None = then(step.result())
        except BaseException as error:  # the waiting caller must get the error
            outcome = error
        if outcome is None or not together.set_running_or_notify_cancel():
            return
        if isinstance(outcome, BaseException):
            together.set_exception(outcome)
        else:
            together.set_result(outcome)

    together.add_done_callback(lambda ended: step.cancel() if ended.cancelled() else None)
    step.add_done_callback(done)


@dataclass(slots=True, eq=False)
class Call:
    """One call: its windows, its deadline (a time of `time.monotonic`), and when it was submitted."""

    windows: Windows
    work: Sequence[float]
    """The estimated milliseconds of each window."""
    deadline: float | None
    since: float
    lane: Lane = "interactive"
    due: float = math.inf
    """From this time on, no other call overtakes it (a time of `time.monotonic`)."""
    future: BatchFuture = field(default_factory=BatchFuture)
    outputs: list[Floats] = field(init=False)
    work_left: float = field(init=False)
    """The estimated milliseconds of the windows that wait or run."""
    work_waiting: float = field(init=False)
    """The estimated milliseconds of the windows that wait."""
    begun: bool = False
    """Whether a batch with one of its windows has started."""
    ended: bool = False
    _windows_left: int = field(init=False)

    def __post_init__(self) -> None:
        self.outputs = [_NOTHING] * len(self.windows)
        self.work_left = self.work_waiting = sum(self.work)
        self._windows_left = len(self.windows)

    def is_late(self, now: float) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and now > self.deadline

    def begin(self, now: float) -> None:
        """Note when the first batch of this call starts."""
        if not self.begun:
            self.begun = True
            self.future.waited = now - self.since

    def keep(self, index: int, output: Floats) -> bool:
        """Store the output of one window; return whether it was the last."""
        self.outputs[index] = output
        self._windows_left -= 1
        return self._windows_left == 0

    def end(self, outcome: Outputs | BaseException) -> None:
        """Finish the future. Must be called without the queue's lock, because callbacks run here."""
        if self.future.set_running_or_notify_cancel():
            if isinstance(outcome, BaseException):
                self.future.set_exception(outcome)
            else:
                self.future.set_result(outcome)


Place = tuple[Call, int]
"""A window as its call and its index there."""

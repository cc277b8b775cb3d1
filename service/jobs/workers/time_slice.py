"""The time after which a long job lets the jobs of other owners go first."""

from __future__ import annotations

import time
from collections.abc import Callable

SLICE_SECONDS = 60.0


class TimeSlice:
    """The time slice of one attempt.

    An attempt reads its file from the start and skips finished chunks. Its slice is therefore at least as long as that
    took, and it finishes at least one chunk: every attempt makes progress, at twice the cost at most.

    Args:
        others_wait: Whether a job of another owner waits.
        done: Number of chunks that were finished before.
        clock: A monotonic clock.
    """

    def __init__(self, others_wait: Callable[[], bool], done: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._others_wait = others_wait
        self._done = done
        self._clock = clock
        self._created = clock()
        self._started: float | None = None

    def is_over(self, done: int) -> bool:
        """Whether the job returns to the queue, now that `done` chunks are finished. Called before each chunk."""
        now = self._clock()
        if self._started is None:
            self._started = now
        catching_up = self._started - self._created
        if done <= self._done or now - self._started < max(SLICE_SECONDS, catching_up):
            return False
        return self._others_wait()

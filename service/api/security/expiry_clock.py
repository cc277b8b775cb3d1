"""The time by which keys and sessions expire. A clock that is set back does not revive them."""

from __future__ import annotations

import time
from collections.abc import Callable


class ExpiryClock:
    """The later of the system's time and the time that has passed since the start of the process.

    If the system's time is set back, keys and sessions go on to expire as if it were not. If it jumps forward, they
    expire early, until it is corrected.
    """

    def __init__(self, wall: Callable[[], float] = time.time, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._elapsed = elapsed
        self._offset = wall() - elapsed()

    def now(self) -> float:
        """Seconds since 1970."""
        return max(self._wall(), self._offset + self._elapsed())

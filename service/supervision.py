"""Child processes that are replaced when they die: job workers and server replicas share these parts."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Collection

QUICK_EXIT_SECONDS = 5.0
"""A process that ends sooner after its start would probably end again: its replacement is delayed."""


class RestartBackoff:
    """The delay before the next start: it doubles with every quick exit in a row.

    Args:
        first_seconds: The first delay.
        max_seconds: The longest delay.
        immediate: How many quick exits in a row cause no delay.
    """

    def __init__(self, *, first_seconds: float, max_seconds: float, immediate: int = 0) -> None:
        self._first = first_seconds
        self._max = max_seconds
        self._immediate = immediate
        self._quick_exits = 0
        self._not_before = 0.0

    def record_exit(self, *, quick: bool) -> None:
        """Count the exit of a process, and set the delay of the next start."""
        self._quick_exits = self._quick_exits + 1 if quick else 0
        doublings = self._quick_exits - self._immediate - 1
        delay = min(self._max, self._first * 2.0 ** min(doublings, 64)) if doublings >= 0 else 0.0
        self._not_before = time.monotonic() + delay

    def reset(self) -> None:
        """Count quick exits from zero again: a process works."""
        self._quick_exits = 0

    def may_start(self) -> bool:
        """Whether the delay is over."""
        return time.monotonic() >= self._not_before


def end_processes(processes: Collection[subprocess.Popen[bytes]], grace_seconds: float) -> None:
    """Terminate the processes, wait until they end, and kill those that still run after `grace_seconds`."""
    for process in processes:
        process.terminate()
    until = time.monotonic() + grace_seconds
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        close_stdin(process)


def close_stdin(process: subprocess.Popen[bytes]) -> None:
    """Close our end of the process's standard input."""
    if process.stdin is not None:
        process.stdin.close()


def wait_for_parent_exit() -> None:
    """Return when the parent is gone, in a process whose standard input is a pipe that only the parent writes to.

    The pipe is closed however the parent ends, also when it is killed.
    """
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 1):
            pass

"""Runs windows while no request needs the workers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from glossator.service.inference.cascade import Executor
from glossator.service.inference.queue.batch_planning import plan
from glossator.service.inference.queue.calls import Lane, Outputs, Windows
from glossator.service.tasks.encoded import Floats

_FIRST_WAIT, _LONGEST_WAIT = 0.001, 0.02
"""Seconds between two looks at the queues."""


class StoppedError(Exception):
    """The server stops: what waits is not run."""


class IdleExecutor:
    """An executor that runs one small batch after the other in the bulk lane, each when the server is idle.

    A request that comes meanwhile shares the processor with one batch of at most 512 tokens, or one window.
    `submit` returns when all have run. One thread uses it.
    """

    def __init__(self, executor: Executor, is_idle: Callable[[], bool], stopping: threading.Event) -> None:
        self._executor = executor
        self._is_idle = is_idle
        self._stopping = stopping

    def submit(self, windows: Windows, *, lane: Lane = "bulk", deadline: float | None = None) -> Future[Outputs]:
        """Run the windows and return a finished future. Raises StoppedError; `lane` and `deadline` are ignored."""
        outputs: dict[int, Floats] = {}
        for batch in plan([len(window) for window in windows]):
            outputs |= zip(batch, self._run([windows[index] for index in batch]), strict=True)
        future: Future[Outputs] = Future()
        future.set_result([outputs[index] for index in range(len(windows))])
        return future

    def _run(self, windows: Windows) -> Sequence[Floats]:
        wait_until_idle(self._is_idle, self._stopping)
        return self._executor.submit(windows, lane="bulk").result()


def wait_until_idle(is_idle: Callable[[], bool], stopping: threading.Event) -> None:
    """Return when the server is idle. Raises StoppedError when it stops."""
    seconds = _FIRST_WAIT
    while not stopping.is_set():
        if is_idle():
            return
        stopping.wait(seconds)
        seconds = min(2.0 * seconds, _LONGEST_WAIT)
    raise StoppedError

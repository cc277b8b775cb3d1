"""Threads that send requests until the block ends, and what became of the requests."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self


class AskingThreads:
    """One thread for each function. A function sends requests until `over` is set, and counts outcomes under `lock`."""

    def __init__(self, functions: Sequence[Callable[[], None]]) -> None:
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.outcomes: Counter[str] = Counter()
        self._threads = [threading.Thread(target=function) for function in functions]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

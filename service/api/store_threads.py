"""Threads in which a server works with a store, so that neither a long search nor a slow disk delays an answer.

The store is opened when it is first needed: a server answers without it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

from glossator.service.errors import ConfigError, DeadlineExceeded, Overloaded, StoreUnavailable

_THREADS = 2
_MOST_WAITING = 64
"""Requests beyond are refused."""

logger = logging.getLogger("glossator.service.api")


class _Closable(Protocol):
    def close(self) -> None: ...


_Store = TypeVar("_Store", bound=_Closable)
_T = TypeVar("_T")


class StoreThreads(Generic[_Store]):
    """A store and its threads.

    Args:
        open_store: Opens the store; it may raise ConfigError.
        what: What is stored, for messages and the names of the threads.
    """

    def __init__(self, open_store: Callable[[], _Store], what: str) -> None:
        self._open, self._what = open_store, what
        self._store: _Store | None = None
        self._opening = threading.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=what)
        self._waiting = 0
        self._problem: str | None = None
        """Why the store could not be opened, as it was logged."""

    def close(self) -> None:
        """Finish what has begun, and close the store."""
        self._threads.shutdown()
        if self._store is not None:
            self._store.close()

    def store(self) -> _Store:
        """Return the store. Raises StoreUnavailable if it cannot be opened."""
        with self._opening:
            if self._store is None:
                try:
                    self._store = self._open()
                except ConfigError as error:
                    if str(error) != self._problem:
                        self._problem = str(error)
                        logger.error("%s", error)
                    # clients do not get what was found: paths, and addresses of databases
                    raise StoreUnavailable(error.message, hint=error.hint) from None
                self._problem = None
            return self._store

    async def run(self, work: Callable[[], _T], deadline: float) -> _T:
        """Run `work` in one of the threads until `deadline`, a time of `time.monotonic`.

        Raises Overloaded, and DeadlineExceeded: what has begun is done all the same.
        """
        if self._waiting >= _MOST_WAITING:
            raise Overloaded(f"too many requests for {self._what} wait", hint="Retry after the time in Retry-After.")
        self._waiting += 1
        try:
            running = asyncio.get_running_loop().run_in_executor(self._threads, work)
            return await asyncio.wait_for(running, max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            raise DeadlineExceeded(
                f"the deadline passed before the work on {self._what} was done", hint="Retry later."
            ) from None
        finally:
            self._waiting -= 1

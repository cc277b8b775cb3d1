"""Keeps what has threads usable after `fork`: a child has only the thread that forked, and every lock as it was.

Without this, a model that was loaded before `fork` (gunicorn with preload, `multiprocessing` with fork) would wait for
ever in the child: for workers that do not exist there, or for a lock that nobody releases.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol


class Forkable(Protocol):
    def before_fork(self) -> None:
        """Take the locks, so that the child finds a consistent state."""

    def after_fork(self, *, in_child: bool) -> None:
        """Release the locks; in the child, start again without threads and without waiting work."""


_forkables: weakref.WeakSet[Forkable] = weakref.WeakSet()
_held: list[Forkable] = []
_forking = threading.Lock()
"""Held while a thread forks: two that fork at once would share `_held`."""


def survive_fork(forkable: Forkable) -> None:
    """Prepare an object for every fork of this process, as long as it exists."""
    _forkables.add(forkable)


def _before() -> None:
    _forking.acquire()
    _held[:] = list(_forkables)
    for each in _held:
        each.before_fork()


def _after_in_parent() -> None:
    for each in _held:
        each.after_fork(in_child=False)
    _held.clear()
    _forking.release()


def _after_in_child() -> None:
    if _held:
        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the tokenizers' own threads do not exist here either
    for each in _held:
        each.after_fork(in_child=True)
    _held.clear()
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)

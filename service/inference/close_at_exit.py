"""Closes what runs native code in daemon threads before the interpreter ends.

A daemon thread that returns from native code while the interpreter ends is stopped inside that code. In C++ this aborts
the process (SIGABRT, exit code -6). So running work is finished first.
"""

from __future__ import annotations

import atexit
import weakref
from typing import Protocol


class Closable(Protocol):
    def close(self) -> None:
        """Refuse new work and wait for running work."""


_open: weakref.WeakSet[Closable] = weakref.WeakSet()


def close_at_exit(closable: Closable) -> None:
    """Close an object when the interpreter ends, if it still exists."""
    _open.add(closable)


@atexit.register
def _close_all() -> None:
    for closable in list(_open):
        closable.close()

"""Locks between processes. The system releases a lock when its process ends, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

_held: ContextVar[frozenset[Path]] = ContextVar("held_locks", default=frozenset())


class Locked(Exception):
    """Another process, or another thread, holds the lock."""


def lock_descriptor(descriptor: int, *, shared: bool = False, wait: bool = False) -> bool:
    """Lock an open file or folder until it is closed. Returns False if another holds the lock, unless `wait`."""
    try:
        import fcntl
    except ImportError:  # not on this system
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(path: Path, *, wait: bool = True, mode: int = 0o666) -> Iterator[None]:
    """Hold the lock of a file or folder, which need not exist. It may be taken again inside the block.

    The lock is a hidden file next to `path`, removed at the end. `path` itself cannot be locked: it is replaced.

    Args:
        path: The file or folder. Symbolic links are followed.
        wait: Wait until the lock is free.
        mode: Permissions of the lock file. A process that can open it can hold the lock.

    Raises:
        Locked: Another holds the lock, and `wait` is False.
        OSError: The lock cannot be created.
    """
    target = Path(os.path.realpath(path))
    if target in _held.get():
        yield
        return
    lock = target.with_name(f".{target.name[:200]}.lock")
    descriptor = _acquire(lock, wait=wait, mode=mode)
    token = _held.set(_held.get() | {target})
    try:
        yield
    finally:
        _held.reset(token)
        with suppress(OSError):
            lock.unlink()  # before it is released, so that it cannot be the lock of the next one
        os.close(descriptor)


def _acquire(lock: Path, *, wait: bool, mode: int) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        try:
            if not lock_descriptor(descriptor, wait=wait):
                raise Locked(lock)
            if _is_current(descriptor, lock):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_current(descriptor: int, lock: Path) -> bool:
    """Whether the open file still has its name: the one who held the lock before may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(lock))
    except FileNotFoundError:
        return False

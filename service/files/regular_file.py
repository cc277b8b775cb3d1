"""Opens regular files only: reading a pipe or a device may never end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
"""Without O_NONBLOCK, opening a pipe waits for its writer."""


def open_regular(path: str | Path, *, folder: int | None = None, follow: bool = True) -> int:
    """Return the descriptor of a file that is open for reading.

    Args:
        path: The file; relative to `folder` if that is given.
        folder: The descriptor of an open folder.
        follow: Follow the last part of the path if it is a symbolic link.

    Raises:
        OSError: The file cannot be opened, or it is not a regular file.
    """
    descriptor = os.open(path, _FLAGS if follow else _FLAGS | os.O_NOFOLLOW, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is a folder, a pipe or a device, not a file", str(path))
    return descriptor


def read_opened(descriptor: int, *, max_bytes: int) -> bytes:
    """Return the content of an open file and close it. Reads at most one byte more than `max_bytes`."""
    with open(descriptor, "rb") as file:
        # Not `max_bytes + 1`: that much memory would be reserved, however small the file is.
        return file.read(min(max_bytes, os.fstat(descriptor).st_size) + 1)


def read_regular(path: Path, *, max_bytes: int) -> bytes:
    """Return the content of a file. Raises OSError if it cannot be read or has more than `max_bytes`."""
    data = read_opened(open_regular(path), max_bytes=max_bytes)
    if len(data) > max_bytes:
        raise OSError(errno.EFBIG, f"it has more than {max_bytes:,} bytes", str(path))
    return data

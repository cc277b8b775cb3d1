r"""Files that grow by lines, such as an audit or a ledger: a line is added completely, or not at all.

A line ends at `\n` and nowhere else. Bytes after the last `\n` are a torn line: its writer was killed, or the machine
stopped. No success was reported for it, so readers leave it out, and the next writer removes it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from glossator.service.files.durable import sync_folder, write_all
from glossator.service.files.locks import lock_descriptor


class Lines(NamedTuple):
    r"""The lines of a file without their `\n`, and the bytes of a torn last line (usually none)."""

    complete: list[bytes]
    torn: bytes


def split_lines(data: bytes) -> Lines:
    """Return the lines in the content of a file."""
    *complete, torn = data.split(b"\n")
    return Lines(complete, torn)


def read_lines(path: Path) -> Lines:
    """Return the lines of a file. A line that another process is writing at this moment is not there yet.

    Raises OSError if the file cannot be read.
    """
    with path.open("rb") as file:
        lines = split_lines(file.read())
        if not lines.torn:
            return lines
        if not lock_descriptor(file.fileno(), shared=True):
            return Lines(lines.complete, b"")
        file.seek(0)
        return split_lines(file.read())


def append_line(path: Path, line: bytes) -> None:
    r"""Add a line to a file, which is created if it does not exist. The line is on disk when this returns.

    Args:
        path: The file. Several processes may append to it.
        line: The line without `\n`.

    Raises:
        OSError: The line cannot be written; the file has the same lines as before.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    try:
        lock_descriptor(descriptor, wait=True)
        _remove_torn_line(descriptor)
        append_to(descriptor, line)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def append_to(descriptor: int, line: bytes) -> None:
    r"""Add a line to an open file whose writers are locked out; like `append_line`. The file must be in append mode."""
    if b"\n" in line:
        raise ValueError("a line cannot contain a line end")
    end = os.fstat(descriptor).st_size
    try:
        write_all(descriptor, line + b"\n")
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):  # if this fails too, readers leave the torn line out
            os.ftruncate(descriptor, end)
        raise


def _remove_torn_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    end = size
    while end:
        start = max(0, end - 4096)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        end = start if found < 0 else start + found + 1
        if found >= 0:
            break
    if end < size:
        os.ftruncate(descriptor, end)

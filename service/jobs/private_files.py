"""Folders and files that only their owner can read, whatever the umask, and that are opened without following links.

The folder of the jobs holds texts of clients. A name in it that was replaced by a symbolic link would otherwise serve,
or overwrite, any file that the server may access.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from glossator.service.errors import JobConflict

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # opening a pipe must not block


def make_private_folder(path: Path) -> None:
    """Make a folder, unless it exists, and give it the mode 0700. Raises OSError; a link is not followed."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, FOLDER_MODE)
    descriptor = os.open(path, _FOLDER_FLAGS | _NO_LINK)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != FOLDER_MODE:
            os.fchmod(descriptor, FOLDER_MODE)
    finally:
        os.close(descriptor)


def create_private_file(path: Path) -> int:
    """Create a file with the mode 0600, and return its descriptor for writing. Raises FileExistsError, OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)  # the umask may have removed more
    return descriptor


def open_private(root: Path, *names: str) -> int:
    """Return a descriptor for reading the regular file `root/names...`.

    `root` may be a link, which its operator has chosen; no later part may be one.

    Raises:
        JobConflict: The file is missing, or one of its names is a link or not of its kind.
    """
    shown = names[-1]
    with _tampering(shown), _opened(root, names[:-1]) as folder:
        descriptor = os.open(shown, os.O_RDONLY | _NO_LINK | _NO_WAIT | getattr(os, "O_CLOEXEC", 0), dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _changed(shown, "not a file")
    return descriptor


def read_private(root: Path, *names: str) -> bytes:
    """Return the content of a file; raises as `open_private` does."""
    with open(open_private(root, *names), "rb") as file:
        return file.read()


@contextlib.contextmanager
def inside_folder(root: Path, *names: str) -> Iterator[None]:
    """Work in the folder `root/names...`, which is reached without following links. Raises JobConflict."""
    before = os.open(".", _FOLDER_FLAGS)
    try:
        with _tampering(names[-1]), _opened(root, names) as folder:
            os.fchdir(folder)
        yield
    finally:
        os.fchdir(before)
        os.close(before)


def is_same_file(name: str, state: os.stat_result) -> bool:
    """Return whether a name in the working folder still is the file with this state, unchanged and not a link."""
    try:
        now = os.lstat(name)
    except OSError:
        return False
    fields = ("st_ino", "st_dev", "st_mode", "st_size", "st_mtime_ns")
    return all(getattr(now, field) == getattr(state, field) for field in fields)


@contextlib.contextmanager
def _opened(root: Path, names: tuple[str, ...]) -> Iterator[int]:
    """A descriptor of the folder `root/names...`."""
    descriptor = os.open(root, _FOLDER_FLAGS)
    try:
        for name in names:
            inner = os.open(name, _FOLDER_FLAGS | _NO_LINK, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _tampering(shown: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise _changed(shown, "missing") from None
    except OSError as error:
        found = "a link" if error.errno in (errno.ELOOP, errno.ENOTDIR) else error.strerror or "unreadable"
        raise _changed(shown, found) from None


def _changed(shown: str, found: str) -> JobConflict:
    return JobConflict(
        "a file of the job was changed on disk",
        found=f"{shown}: {found}",
        expected="the file that the server wrote",
        hint="Submit the file again. If it happens again, ask the operator to check the --jobs folder.",
    )

"""Writing that survives a crash of the process or of the machine.

The rule, used everywhere in this repository: write to a temporary name in the same folder, flush the file to disk
(fsync), rename it, flush the folder. A reader sees the old content or the new content, never a part of it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
from pathlib import Path


def write_atomically(
    path: Path,
    data: bytes,
    *,
    temporary: Path | None = None,
    mode: int = 0o666,
    like: os.stat_result | None = None,
) -> None:
    """Replace the content of `path` with `data`, which is on disk when this returns.

    Args:
        path: The file to write. A file that exists is replaced.
        data: The new content.
        temporary: The name to write under first, in the same folder. A file of this name is overwritten, and remains
            after an error: the caller removes it. By default a new hidden name, so that several processes may write
            the same path.
        mode: Permissions of a new file, before the process's umask is applied.
        like: Give the file this owner, group and mode.

    Raises:
        OSError: The file cannot be written. The old content is unchanged.
    """
    if temporary is not None:
        _write_and_rename(temporary, path, data, os.O_TRUNC, mode, like)
        return
    hidden = temporary_name(path)
    try:
        _write_and_rename(hidden, path, data, os.O_EXCL, mode, like)
    except BaseException:
        with contextlib.suppress(OSError):
            hidden.unlink()
        raise


def _write_and_rename(
    temporary: Path, path: Path, data: bytes, flag: int, mode: int, like: os.stat_result | None
) -> None:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | flag, mode)
    try:
        if like is not None:
            _take_owner(descriptor, like)
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
    sync_folder(path.parent)


def _take_owner(descriptor: int, like: os.stat_result) -> None:
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (like.st_uid, like.st_gid):
        os.fchown(descriptor, like.st_uid, like.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))


def temporary_name(path: Path) -> Path:
    """Return a new hidden name in the folder of `path`: `.NAME.RANDOM.part`."""
    return path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")


def remove_leftovers(path: Path) -> None:
    """Remove the files and folders under temporary names of `path` that killed processes left behind.

    The caller holds the lock of `path`: no other process is writing it.
    """
    pattern = re.compile(rf"\.{re.escape(path.name[:200])}\.[0-9a-f]{{8}}\.part")
    with contextlib.suppress(OSError):
        for found in [each for each in path.parent.iterdir() if pattern.fullmatch(each.name)]:
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found, ignore_errors=True)
            else:
                found.unlink(missing_ok=True)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of the data: one call of `os.write` may write only a part of it."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_file(path: Path) -> None:
    """Return when the content of the file is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Return when the names in the folder are on disk.

    Does nothing on file systems that refuse to open or flush folders: these order renames themselves.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except (PermissionError, IsADirectoryError):
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def sync_tree(root: Path) -> None:
    """Return when every file and folder below `root`, and `root` itself, is on disk."""
    for folder, _, files in os.walk(root, topdown=False):
        for name in files:
            sync_file(Path(folder, name))
        sync_folder(Path(folder))

"""An open folder, whose files are read without following symbolic links and whatever happens to its path meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from glossator.service.files.regular_file import open_regular, read_opened

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
MAX_DEPTH = 32
"""Folders inside each other; more have no use, and exhaust the stack."""


class OpenFolder:
    """Reads the files inside a folder. A context manager.

    The path of the folder itself may be a symbolic link; no part of a name inside it may be one. So a file that is
    exchanged for a link while it is checked cannot lead outside.

    Raises:
        OSError: The folder cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, _FOLDER)

    def __enter__(self) -> OpenFolder:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def read(self, name: str, *, max_bytes: int) -> bytes:
        """Return the content of a file, but not more than `max_bytes + 1` bytes of it.

        Args:
            name: Its path inside the folder, with `/`.
            max_bytes: The expected size, or a limit: a longer result says that the file is larger.

        Raises:
            OSError: The file cannot be read; it is not a regular file; or a part of the name is a link.
        """
        return read_opened(self.open(name), max_bytes=max_bytes)

    def open(self, name: str) -> int:
        """Return the descriptor of a file that is open for reading; see `read`."""
        try:
            with self._parent(name) as (folder, last):
                return open_regular(last, folder=folder, follow=False)
        except OSError as error:
            error.filename = name
            raise

    def entries(self) -> Iterator[tuple[str, int]]:
        """Yield everything inside the folder: the path of each entry and its `st_mode`, that of a link itself.

        Raises OSError if a folder inside cannot be read, or if folders are nested too deeply.
        """
        yield from _entries(self._descriptor, PurePosixPath())

    @contextmanager
    def _parent(self, name: str) -> Iterator[tuple[int, str]]:
        """Yield the open folder that a file is in, and the last part of its name."""
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or parts[0] == "/":
            raise OSError(errno.EINVAL, "it is not a path inside the folder")
        opened: list[int] = []
        try:
            for part in parts[:-1]:
                parent = opened[-1] if opened else self._descriptor
                opened.append(os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=parent))
            yield (opened[-1] if opened else self._descriptor), parts[-1]
        finally:
            for descriptor in opened:
                os.close(descriptor)


def _entries(descriptor: int, path: PurePosixPath) -> Iterator[tuple[str, int]]:
    if len(path.parts) > MAX_DEPTH:
        raise OSError(errno.ENAMETOOLONG, f"more than {MAX_DEPTH} folders are nested", path.as_posix())
    with os.scandir(descriptor) as found:
        names = sorted(entry.name for entry in found)
    for name in names:
        mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
        yield (path / name).as_posix(), mode
        if stat.S_ISDIR(mode):
            inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
            try:
                yield from _entries(inner, path / name)
            finally:
                os.close(inner)

"""A file that appears whole or not at all: written under a temporary name, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from glossator.service.errors import OutputError
from glossator.service.files.compression import open_compressed
from glossator.service.files.durable import sync_folder, temporary_name
from glossator.service.files.paths import STANDARD_STREAM


class AtomicFile:
    """A writer of bytes to `path`, or to standard output if the path is `-`.

    `commit` gives the complete file its name. `discard` removes it: an older file of that name is unchanged. Symbolic
    links are followed. Standard output, devices and pipes cannot be renamed, so they are written directly.

    Args:
        path: Where the file appears.
        codec: One of `compression.SUFFIXES`: compresses the bytes. The compressed bytes depend on the content alone.
        temporary: The name of the file until it is committed, on the same file system. By default a hidden name in
            the same folder.
        stdout: Replaces the process's standard output.
        mode: Permissions of a new file, before the process's umask is applied.

    Raises:
        OutputError: The file cannot be created or written; every method may raise it.
    """

    def __init__(
        self,
        path: str,
        *,
        codec: str | None = None,
        temporary: Path | None = None,
        stdout: BinaryIO | None = None,
        mode: int = 0o666,
    ) -> None:
        self.name = "standard output" if path == STANDARD_STREAM else path
        self._target: Path | None = None
        self._temporary: Path | None = None
        self._mode = mode
        with self._output_errors():
            self._file = self._open(path, temporary, stdout)
        standard = getattr(sys.stdout, "buffer", None)  # in a notebook, stdout has no bytes under it
        self._borrowed = self._file is stdout or self._file is standard
        self._compressed = None if codec is None else open_compressed(self._file, codec)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        with self._output_errors():
            (self._compressed or self._file).write(data)

    def close(self) -> None:
        """Flush everything to disk; nothing can be written afterwards."""
        with self._output_errors():
            if self._file.closed:
                return
            if self._compressed is not None:
                self._compressed.close()
            self._file.flush()
            if self._temporary is not None:
                os.fsync(self._file.fileno())
                self._file.close()

    def commit(self) -> None:
        """Flush everything to disk, then give the file its name."""
        try:
            self.close()
            with self._output_errors():
                if self._target is not None and self._temporary is not None:
                    os.replace(self._temporary, self._target)
                    self._temporary = None
                    sync_folder(self._target.parent)
        finally:
            self.discard()

    def discard(self) -> None:
        """Close the file, and remove it unless it was committed."""
        if self._compressed is not None:
            with contextlib.suppress(OSError, ValueError):
                self._compressed.close()
        if not self._borrowed:
            with contextlib.suppress(OSError):  # closing flushes, which fails again on a full disk
                self._file.close()
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                self._temporary.unlink()
            self._temporary = None

    def _open(self, path: str, temporary: Path | None, stdout: BinaryIO | None) -> BinaryIO:
        if path == STANDARD_STREAM:
            if stdout is not None:
                return stdout
            sys.stdout.flush()
            try:
                descriptor = sys.stdout.fileno()
            except OSError:  # a stream in memory, as in tests
                return sys.stdout.buffer
            # A buffer of our own: what remains in it after the pipe was closed causes no second error at exit.
            return open(descriptor, "wb", closefd=False)
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file() and not target.is_dir():
            return open(target, "wb")
        if target.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        temporary = temporary or temporary_name(target)
        # Not `tempfile`: its files are private, and the output should have the mode that any new file gets.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), self._mode)
        self._target, self._temporary = target, temporary
        if target.exists():
            with contextlib.suppress(OSError):  # file systems without modes
                os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        return open(descriptor, "wb")

    @contextlib.contextmanager
    def _output_errors(self) -> Iterator[None]:
        """Turn an OSError into an OutputError with a hint."""
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"the output cannot be written: {self.name}",
                found=error.strerror or error,
                expected="free space and permission to write",
                hint=write_error_hint(error, "No partial output was left behind."),
            ) from error


def write_error_hint(error: OSError, remains: str) -> str:
    """Return how to fix a file that cannot be written; `remains` is a sentence that says what is on disk now."""
    if isinstance(error, BrokenPipeError):
        return "The reader of the pipe closed it before the end."
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "Make its folder first."
    if isinstance(error, PermissionError):
        return "Choose a folder that you may write to."
    return f"Free some space or choose another folder. {remains}"

"""A file written aside: under another name in the same folder, flushed to disk, then renamed, or removed."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from glossator.service.documents.decoding import compression
from glossator.service.documents.decoding.lines import STANDARD_STREAM
from glossator.service.errors import ConfigError, OutputError


class AtomicFile:
    """Bytes on their way to `path`, or to standard output where it is `-`.

    `commit` puts the file in its place, whole; `discard` leaves nothing behind, and a file that was there before as it
    was. A link is followed. A device or a pipe, and standard output, are written straight: they cannot be renamed over.
    `codec`, one of `codecs.SUFFIXES`, compresses the bytes; what comes out depends on the content alone. `beside` is
    the name that the file has until then, on the same file system; by default one of its own in the same folder.
    Raises OutputError where the disk or the folder refuses.
    """

    def __init__(
        self, path: str, *, codec: str | None = None, beside: Path | None = None, stdout: BinaryIO | None = None
    ) -> None:
        self.name = "standard output" if path == STANDARD_STREAM else path
        self._target: Path | None = None
        self._temporary: Path | None = None
        with self._ours():
            self._file = self._open(path, beside, stdout)
        self._borrowed = self._file is stdout or self._file is sys.stdout.buffer
        self._packed = None if codec is None else compression.packed(self._file, codec)

    def write(self, data: bytes) -> None:
        """Adds bytes."""
        with self._ours():
            (self._packed or self._file).write(data)

    def close(self) -> None:
        """Flushes everything to disk; nothing can be written after it."""
        with self._ours():
            if self._file.closed:
                return
            if self._packed is not None:
                self._packed.close()
            self._file.flush()
            if self._temporary is not None:
                os.fsync(self._file.fileno())
                self._file.close()

    def commit(self) -> None:
        """Flushes everything to disk, then gives the file its name."""
        try:
            self.close()
            with self._ours():
                if self._target is not None and self._temporary is not None:
                    os.replace(self._temporary, self._target)
                    self._temporary = None
                    sync_folder(self._target.parent)
        finally:
            self.discard()

    def discard(self) -> None:
        """Closes the file, and removes it unless it has been committed."""
        if self._packed is not None:
            with contextlib.suppress(OSError, ValueError):
                self._packed.close()
        if not self._borrowed:
            with contextlib.suppress(OSError):  # closing flushes: a full disk complains again
                self._file.close()
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                self._temporary.unlink()
            self._temporary = None

    def _open(self, path: str, beside: Path | None, stdout: BinaryIO | None) -> BinaryIO:
        if path == STANDARD_STREAM:
            if stdout is not None:
                return stdout
            sys.stdout.flush()
            try:
                descriptor = sys.stdout.fileno()
            except OSError:  # a stream in memory, as in tests
                return sys.stdout.buffer
            # A buffer of our own: what a closed pipe leaves in it is not complained of again when the process ends.
            return open(descriptor, "wb", closefd=False)
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file() and not target.is_dir():
            return open(target, "wb")
        if target.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        if beside is not None:
            beside.unlink(missing_ok=True)
        temporary = beside or target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.part")
        # Not tempfile: its files are private, and the result should have the mode that any new file gets.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
        self._target, self._temporary = target, temporary
        if target.exists():
            with contextlib.suppress(OSError):  # file systems without modes
                os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        return open(descriptor, "wb")

    @contextlib.contextmanager
    def _ours(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"the output cannot be written: {self.name}",
                found=error.strerror or error,
                expected="room and permission to write",
                hint=hint_for(error, "Nothing half-written was left behind."),
            ) from error


def refuse_same_file(output: str, inputs: Sequence[str]) -> None:
    """Raises ConfigError where the output is one of the inputs, under any name."""
    for source in inputs:
        with contextlib.suppress(OSError, ValueError):
            if STANDARD_STREAM not in {output, source} and os.path.samefile(output, source):
                raise ConfigError(
                    "the output is the input",
                    found=output,
                    expected="another file",
                    hint="Give the output another name.",
                )


def hint_for(error: OSError, left: str) -> str:
    """What to do where a file cannot be written; `left` says what is there where room is lacking."""
    if isinstance(error, BrokenPipeError):
        return "Its reader closed it before the end."
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "Make its folder first."
    if isinstance(error, PermissionError):
        return "Choose a folder that you may write to."
    return f"Free some room or choose another place. {left}"


def write_durably(path: Path, data: bytes) -> None:
    """Writes a file: under another name, flushed to disk, renamed, its folder flushed. Raises OSError."""
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
    sync_folder(path.parent)


def write_all(descriptor: int, data: bytes) -> None:
    """All of the data; a write may take a part alone."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable; some file systems refuse to open folders, and then order renames
    themselves."""
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

r"""The files of a prediction log: segments of JSON lines, named by the time at which they were begun.

Each process writes a segment of its own, which it keeps locked. A line ends at `\n`; bytes after the last `\n` were
torn by the end of their process, and are removed when the next server starts.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from glossator.service.files.append_lines import split_lines
from glossator.service.files.durable import sync_folder, temporary_name, write_all
from glossator.service.files.locks import lock_descriptor

SUFFIX = ".jsonl"
SEGMENT_BYTES = 32 << 20
SEGMENT_SECONDS = 3_600.0


class SegmentWriter:
    """A new segment. Raises OSError if it cannot be created."""

    def __init__(self, folder: Path) -> None:
        began = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S.%fZ")
        self.path = folder / f"{began}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        self._descriptor = os.open(
            self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        lock_descriptor(self._descriptor)
        self._began = time.monotonic()
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether the next records belong into a new segment."""
        return self._bytes >= SEGMENT_BYTES or time.monotonic() - self._began >= SEGMENT_SECONDS

    def write(self, lines: Sequence[bytes]) -> None:
        """Append lines, all of them or none. Raises OSError."""
        data = b"".join(line + b"\n" for line in lines)
        try:
            write_all(self._descriptor, data)
        except OSError:
            with contextlib.suppress(OSError):  # else readers leave the torn line out
                os.ftruncate(self._descriptor, self._bytes)
            raise
        self._bytes += len(data)

    def close(self) -> None:
        """Return when the segment is on disk and unlocked. An empty one is removed."""
        try:
            if self._bytes:
                with contextlib.suppress(OSError):
                    os.fsync(self._descriptor)
            else:
                self.path.unlink(missing_ok=True)
        finally:
            os.close(self._descriptor)


def list_segments(folder: Path) -> list[Path]:
    """Return the segments of a log, the oldest first."""
    return sorted(path for path in folder.glob(f"[0-9]*{SUFFIX}") if not path.is_symlink())


def read_segment(path: Path) -> Iterator[bytes]:
    """Yield the complete lines of a segment; none if it has just been removed."""
    try:
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]
    except FileNotFoundError:
        return


def repair_segments(folder: Path) -> int:
    """Remove the torn last lines of segments that no process writes any more. Return how many there were."""
    repaired = 0
    for path in list_segments(folder):
        with _closed(path) as descriptor:
            if descriptor is None:
                continue
            size = os.fstat(descriptor).st_size
            tail = os.pread(descriptor, min(size, 1 << 20), max(0, size - (1 << 20)))
            torn = len(split_lines(tail).torn)
            if torn:
                os.ftruncate(descriptor, size - torn)
                repaired += 1
    return repaired


def rewrite_segment(path: Path, keep: Callable[[bytes], bool]) -> int | None:
    """Remove the lines of a segment that `keep` refuses. Return how many; None if a process writes the segment.

    The segment is replaced at once: readers see all of the old lines or all of the new ones.
    """
    with _closed(path) as descriptor:
        if descriptor is None:
            return None
        lines = list(read_segment(path))
        kept = [line for line in lines if keep(line)]
        if len(kept) == len(lines):
            return 0
        if kept:
            _replace(path, kept, os.fstat(descriptor))
        else:
            path.unlink()
            sync_folder(path.parent)
        return len(lines) - len(kept)


def _replace(path: Path, lines: Sequence[bytes], like: os.stat_result) -> None:
    hidden = temporary_name(path)
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, b"".join(line + b"\n" for line in lines))
        os.utime(descriptor, ns=(like.st_atime_ns, like.st_mtime_ns))  # retention goes by the last record
        os.fsync(descriptor)
        os.replace(hidden, path)
    except BaseException:
        with contextlib.suppress(OSError):
            hidden.unlink()
        raise
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def expire_segments(folder: Path, *, keep_days: float, max_bytes: int) -> int:
    """Remove segments whose last record is older than `keep_days`, then the oldest ones above `max_bytes` in all.

    Segments in use stay. Returns how many were removed.
    """
    oldest = time.time() - keep_days * 86_400.0
    found = []
    for path in list_segments(folder):
        with contextlib.suppress(FileNotFoundError):
            found.append((path, path.stat()))
    total = sum(state.st_size for _, state in found)
    removed = 0
    for path, state in found:
        if state.st_mtime >= oldest and total <= max_bytes:
            continue
        with _closed(path) as descriptor:
            if descriptor is None:
                continue
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                total -= state.st_size
                removed += 1
    return removed


@contextlib.contextmanager
def _closed(path: Path) -> Iterator[int | None]:
    """Yield a locked descriptor of a segment; None if a process writes it, or if it is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        yield None
        return
    try:
        yield descriptor if lock_descriptor(descriptor) else None
    finally:
        os.close(descriptor)

"""SQLite as the database of a store, through apsw, whose wheel contains a recent SQLite.

Older versions, which many Pythons link, can lose committed writes when the write-ahead log is reset (fixed in SQLite
3.51.3, 3.50.7 and 3.44.6).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from glossator.service.database.interface import Execute, Parameters, Rows
from glossator.service.errors import ConfigError, NoRoom, StoreUnavailable

FILE_MODE = 0o600
SAFE = (3, 51, 3)
BACKPORTED = {(3, 50): 7, (3, 44): 6}
_PATIENCE_MS = 30_000


def is_safe(version: str) -> bool:
    """Whether a version of SQLite never loses committed writes.

    >>> [is_safe(version) for version in ("3.51.2", "3.51.3", "3.50.7", "3.46.1")]
    [False, True, True, False]
    """
    major, minor, patch = (int(part) for part in version.split(".")[:3])
    return (major, minor, patch) >= SAFE or patch >= BACKPORTED.get((major, minor), 1 << 30)


class Sqlite:
    """One connection to a file on a local disk. Raises ConfigError if the file cannot be opened.

    Args:
        path: The file, which is created if it does not exist.
        store: What the file is, for messages.
        option: The option that names its folder.
    """

    now = "unixepoch('subsec')"
    skip_locked = ""  # SQLite has one writer at a time
    lock_row = ""

    def __init__(self, path: Path, *, store: str, option: str) -> None:
        self._store, self._option = store, option
        if not is_safe(apsw.sqlite_lib_version()):
            raise ConfigError(
                "this version of SQLite can lose committed writes",
                found=apsw.sqlite_lib_version(),
                expected=".".join(map(str, SAFE)),
                hint="pip install --upgrade apsw",
            )
        self._lock = threading.Lock()
        try:
            _make_private(path)
            self._connection = apsw.Connection(str(path))
            self._connection.set_busy_timeout(_PATIENCE_MS)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("PRAGMA foreign_keys=ON")
            self._connection.execute("PRAGMA secure_delete=ON")  # what is deleted leaves no bytes in the file
        except (apsw.Error, OSError) as error:
            raise ConfigError(
                f"the {store} cannot be opened",
                found=f"{path}: {error.strerror if isinstance(error, OSError) else error}",
                expected="a file on a local disk",
                hint=f"Choose a writable folder, or move the file away if it is not a {store}.",
            ) from error
        self._connection.set_row_trace(_named)

    @contextmanager
    def transaction(self, *, reading: bool = False) -> Iterator[Execute]:
        with self._lock, self._translated_errors():
            try:
                self._connection.execute("BEGIN" if reading else "BEGIN IMMEDIATE")
                yield self._execute
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # some errors end the transaction
                    with suppress(apsw.Error):
                        self._connection.execute("ROLLBACK")
                raise

    def prepare(self, statements: str) -> None:
        with self.transaction() as execute:
            execute(statements, {})

    def clear_deleted(self) -> None:
        with self._lock, self._translated_errors():  # the write-ahead log has older copies of the pages
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _execute(self, statement: str, parameters: Parameters) -> Rows:
        return list(self._connection.execute(statement, dict(parameters)))

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except apsw.FullError as error:
            raise NoRoom(
                f"the {self._store} cannot be written: the disk is full",
                found=error,
                expected=f"space on the disk with the {self._option} folder",
                hint="Free disk space, then retry: what was stored is kept.",
            ) from error
        except apsw.Error as error:
            raise StoreUnavailable(
                f"the {self._store} cannot be read or written at the moment",
                found=f"{type(error).__name__}: {error}",
                hint=f"Retry later. If the error persists, check the disk with the {self._option} folder.",
            ) from error


def _make_private(path: Path) -> None:
    """Create the file, or take it from other users. SQLite gives its other files (-wal, -shm) the same mode."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), FILE_MODE)
    try:
        os.fchmod(descriptor, FILE_MODE)
    finally:
        os.close(descriptor)


def _named(cursor: apsw.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip((column[0] for column in cursor.get_description()), row, strict=True))

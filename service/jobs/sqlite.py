"""SQLite as the job database, through apsw, whose wheel contains a recent SQLite.

Older versions, which many Pythons link, can lose committed writes when the write-ahead log is reset (fixed in SQLite
3.51.3, 3.50.7 and 3.44.6).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from glossator.service.errors import ConfigError, NoRoom, StoreUnavailable
from glossator.service.jobs.database import Execute, Parameters, Rows

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
    """One connection to a file on a local disk. Raises ConfigError if the file cannot be opened."""

    now = "unixepoch('subsec')"
    skip_locked = ""  # SQLite has one writer at a time
    lock_row = ""

    def __init__(self, path: Path) -> None:
        if not is_safe(apsw.sqlite_lib_version()):
            raise ConfigError(
                "this version of SQLite can lose committed writes",
                found=apsw.sqlite_lib_version(),
                expected=".".join(map(str, SAFE)),
                hint="pip install --upgrade apsw",
            )
        self._lock = threading.Lock()
        try:
            self._connection = apsw.Connection(str(path))
            self._connection.set_busy_timeout(_PATIENCE_MS)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("PRAGMA foreign_keys=ON")
        except apsw.Error as error:
            raise ConfigError(
                "the job store cannot be opened",
                found=f"{path}: {error}",
                expected="a file on a local disk",
                hint="Choose a writable folder, or move the file away if it is not a job store.",
            ) from error
        self._connection.set_row_trace(_named)

    @contextmanager
    def transaction(self, *, reading: bool = False) -> Iterator[Execute]:
        with self._lock, _translate_errors():
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

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _execute(self, statement: str, parameters: Parameters) -> Rows:
        return list(self._connection.execute(statement, dict(parameters)))


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except apsw.FullError as error:
        raise NoRoom("the disk is full", found=error, hint="Free disk space; finished chunks are kept.") from error
    except apsw.Error as error:
        raise StoreUnavailable(
            "the job store is not available at the moment",
            found=f"{type(error).__name__}: {error}",
            hint="Retry later. If the error persists, check the disk with the --jobs folder.",
        ) from error


def _named(cursor: apsw.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip((column[0] for column in cursor.get_description()), row, strict=True))

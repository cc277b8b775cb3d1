"""SQLite, through apsw: its wheel brings a version of its own. Older ones, which many Pythons link, can lose committed
writes when the write-ahead log is reset (mended in SQLite 3.51.3, 3.50.7 and 3.44.6)."""

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
    """Whether a version of SQLite keeps what it has committed.

    >>> [is_safe(version) for version in ("3.51.2", "3.51.3", "3.50.7", "3.46.1")]
    [False, True, True, False]
    """
    major, minor, patch = (int(part) for part in version.split(".")[:3])
    return (major, minor, patch) >= SAFE or patch >= BACKPORTED.get((major, minor), 1 << 30)


class Sqlite:
    """One connection to a file on a local disk. Raises ConfigError where the file cannot be opened."""

    now = "unixepoch('subsec')"
    skip_locked = ""  # one transaction writes at a time

    def __init__(self, path: Path) -> None:
        if not is_safe(apsw.sqlite_lib_version()):
            raise ConfigError(
                "this SQLite can lose what it has committed", found=apsw.sqlite_lib_version(),
                expected=".".join(map(str, SAFE)), hint="pip install --upgrade apsw",
            )  # fmt: skip
        self._lock = threading.Lock()
        try:
            self._connection = apsw.Connection(str(path))
            self._connection.set_busy_timeout(_PATIENCE_MS)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("PRAGMA foreign_keys=ON")
        except apsw.Error as error:
            raise ConfigError(
                "the store of the jobs cannot be opened", found=f"{path}: {error}", expected="a file on a local disk",
                hint="Choose a folder that can be written to, or move the file away if it is no store of jobs.",
            ) from error  # fmt: skip
        self._connection.set_row_trace(_named)

    @contextmanager
    def transaction(self, *, reading: bool = False) -> Iterator[Execute]:
        with self._lock, _ours():
            try:
                self._connection.execute("BEGIN" if reading else "BEGIN IMMEDIATE")
                yield self._execute
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # some errors end it by themselves
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
def _ours() -> Iterator[None]:
    try:
        yield
    except apsw.FullError as error:
        raise NoRoom("the disk is full", found=error, hint="Free some room: what is done stays done.") from error
    except apsw.Error as error:
        raise StoreUnavailable(
            "the store of the jobs cannot be used for now", found=f"{type(error).__name__}: {error}",
            hint="Try again; if it stays, look at the disk of the folder that serve was given.",
        ) from error  # fmt: skip


def _named(cursor: apsw.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip((column[0] for column in cursor.get_description()), row, strict=True))

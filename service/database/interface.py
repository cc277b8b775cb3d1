"""The interface between the store and a database: transactions of statements with named parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

Rows = list[dict[str, Any]]
Execute = Callable[..., Rows]
"""Runs a statement with `:name` parameters, given as a mapping, and returns its rows."""
Parameters = Mapping[str, object]


class Database(Protocol):
    """SQLite or PostgreSQL. Thread-safe; a forked process must open its own."""

    now: str
    """SQL expression for the time in seconds since 1970, by the database's clock."""
    skip_locked: str
    """SQL suffix with which a SELECT locks its rows and skips rows that another transaction has locked."""
    lock_row: str
    """SQL suffix with which a SELECT locks its rows and waits for other transactions."""

    def transaction(self, *, reading: bool = False) -> AbstractContextManager[Execute]:
        """A transaction: committed durably when the block succeeds, otherwise rolled back.

        A `reading` transaction does not wait for writers.
        """

    def prepare(self, statements: str) -> None:
        """Create missing tables and indexes; several processes may do so at the same time."""

    def clear_deleted(self) -> None:
        """Remove the bytes of deleted rows from the files too, as far as the database can at once."""

    def close(self) -> None:
        """Close the connections."""

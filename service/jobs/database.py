"""What the store asks of a database: transactions of statements with named parameters. Two offer it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

Rows = list[dict[str, Any]]
Execute = Callable[..., Rows]
"""Runs a statement with `:name` parameters, given as a mapping, and returns its rows."""
Parameters = Mapping[str, object]


class Database(Protocol):
    """SQLite or PostgreSQL. Threads may share one; a process that forks makes its own."""

    now: str
    """The expression for the time: seconds since 1970, by the database's clock."""
    skip_locked: str
    """What makes a SELECT pass over rows that another transaction holds."""

    def transaction(self, *, reading: bool = False) -> AbstractContextManager[Execute]:
        """A transaction: durable when the block ends well, as if it had never been otherwise. One that is `reading`
        waits for no writer."""

    def prepare(self, statements: str) -> None:
        """Runs statements that create what is not there; several processes may do so at once."""

    def close(self) -> None:
        """Ends its connections."""

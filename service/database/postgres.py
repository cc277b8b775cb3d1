"""PostgreSQL as the database of a store, through psycopg 3 (extra `postgres`), for several servers and machines."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from glossator.service.database.interface import Execute, Parameters, Rows
from glossator.service.errors import ConfigError, StoreUnavailable
from glossator.service.optional_packages import import_optional

MOST_CONNECTIONS = 8
_CREATING = 0x676C6F73
"""The advisory lock for creating tables."""
_PATIENCE_SECONDS = 10.0


class Postgres:
    """A pool of connections. Raises ConfigError if none can be opened, without repeating the password in `url`.

    Args:
        url: `postgresql://...`.
        store: What is stored there, for messages.
        variable: The environment variable that holds the URL.
        most: The largest number of connections.
    """

    now = "extract(epoch from clock_timestamp())::float8"
    skip_locked = "FOR UPDATE SKIP LOCKED"
    lock_row = "FOR UPDATE"

    def __init__(self, url: str, *, store: str, variable: str, most: int = MOST_CONNECTIONS) -> None:
        self._store = store
        psycopg = import_optional("psycopg", "a PostgreSQL store", extra="postgres")
        pools = import_optional("psycopg_pool", "a PostgreSQL store", package="psycopg-pool", extra="postgres")
        rows = import_optional("psycopg.rows", "a PostgreSQL store", package="psycopg", extra="postgres")
        try:
            psycopg.connect(url, connect_timeout=int(_PATIENCE_SECONDS)).close()  # the pool would only log the error
        except psycopg.Error as error:
            raise ConfigError(
                f"the database of the {store} cannot be reached",
                found=_without_password(str(error), url),
                expected="postgresql://USER:PASSWORD@HOST/DATABASE of a running server",
                hint=f"Start the server, or fix {variable}.",
            ) from None
        self._away = (psycopg.OperationalError, psycopg.InterfaceError, pools.PoolTimeout)
        self._pool = pools.ConnectionPool(
            url,
            min_size=1,
            max_size=most,
            timeout=_PATIENCE_SECONDS,
            open=True,
            check=pools.ConnectionPool.check_connection,
            kwargs={"row_factory": rows.dict_row},
        )

    @contextmanager
    def transaction(self, *, reading: bool = False) -> Iterator[Execute]:
        del reading  # readers never wait for writers in PostgreSQL
        try:
            with self._pool.connection() as connection:  # commits at the end, rolls back on an error

                def execute(statement: str, parameters: Parameters) -> Rows:
                    cursor = connection.execute(_placeholders(statement), dict(parameters) or None)
                    return list(cursor.fetchall()) if cursor.description is not None else []

                yield execute
        except self._away as error:
            raise StoreUnavailable(
                f"the database of the {self._store} cannot be reached at the moment",
                found=type(error).__name__,
                hint="Retry later. If the error persists, check the PostgreSQL server.",
            ) from None

    def prepare(self, statements: str) -> None:
        with self.transaction() as execute:
            execute(f"SELECT pg_advisory_xact_lock({_CREATING})", {})
            execute(statements, {})

    def clear_deleted(self) -> None:
        """Nothing: the next VACUUM of the server does it."""

    def close(self) -> None:
        self._pool.close()


@functools.cache
def _placeholders(statement: str) -> str:
    """The statement with psycopg's `%(name)s` for `:name`; casts, `::type`, stay."""
    return re.sub(r"(?<!:):([a-z]\w*)", r"%(\1)s", statement)


def _without_password(message: str, url: str) -> str:
    found: Any = re.search(r"://[^:/@]*:([^@]+)@", url)
    return message if found is None else message.replace(found[1], "***")

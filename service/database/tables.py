"""Tables with a version: several stores may keep theirs in one database, each with a version of its own."""

from __future__ import annotations

from typing import NamedTuple

from glossator.service.database.interface import Database
from glossator.service.errors import ConfigError


class Tables(NamedTuple):
    """The tables of one store. `version_table` holds the one row with their version."""

    store: str
    """What messages call it."""
    version: int
    version_table: str
    schema: str


def prepare_tables(database: Database, tables: Tables) -> None:
    """Create missing tables.

    Raises ConfigError if the tables that exist belong to another version of Glossator. After any error the database is
    closed.
    """
    try:
        _prepare(database, tables)
    except BaseException:
        database.close()
        raise


def _prepare(database: Database, tables: Tables) -> None:
    name = tables.version_table
    database.prepare(
        f"""CREATE TABLE IF NOT EXISTS {name} (version INTEGER NOT NULL);
        INSERT INTO {name} (version) SELECT {tables.version} WHERE NOT EXISTS (SELECT 1 FROM {name});"""
    )
    with database.transaction(reading=True) as execute:
        (found,) = execute(f"SELECT version FROM {name}", {})
    if found["version"] != tables.version:
        newer = found["version"] > tables.version
        raise ConfigError(
            f"the {tables.store} belongs to {'a newer' if newer else 'an older'} version of Glossator",
            found=f"store version {found['version']}",
            expected=f"store version {tables.version}",
            hint="Install that version of Glossator.",
        )
    database.prepare(tables.schema)

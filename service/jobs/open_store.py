"""The one place where it is decided which database keeps the jobs."""

from __future__ import annotations

from pathlib import Path

from glossator.service.errors import ConfigError
from glossator.service.jobs.postgres import Postgres
from glossator.service.jobs.store import Store

DATABASE = "GLOSSATOR_JOB_DATABASE"
FILE = "jobs.sqlite"


def store_of(folder: Path, url: str | None = None) -> Store:
    """The store: PostgreSQL where its URL is given, else a file of SQLite in the folder. Raises ConfigError."""
    if url is None:
        from glossator.service.jobs.sqlite import Sqlite  # what it links is needed here alone

        folder.mkdir(parents=True, exist_ok=True)
        return Store(Sqlite(folder / FILE))
    if not url.startswith(("postgresql://", "postgres://")):
        raise ConfigError(
            "this is not a database that keeps jobs", found=url.partition("://")[0],
            expected="postgresql://USER:PASSWORD@HOST/DATABASE",
            hint=f"Unset {DATABASE} for SQLite, which is in the folder of the jobs.",
        )  # fmt: skip
    return Store(Postgres(url))

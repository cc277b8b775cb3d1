"""Opens the job store in SQLite or PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from glossator.service.errors import ConfigError
from glossator.service.jobs.postgres import Postgres
from glossator.service.jobs.store import Store

DATABASE = "GLOSSATOR_JOB_DATABASE"
FILE = "jobs.sqlite"


def open_store(folder: Path, url: str | None = None) -> Store:
    """Open the store: PostgreSQL if a URL is given, else an SQLite file in the folder. Raises ConfigError."""
    if url is None:
        from glossator.service.jobs.sqlite import Sqlite  # apsw is only needed here

        folder.mkdir(parents=True, exist_ok=True)
        return Store(Sqlite(folder / FILE))
    if not url.startswith(("postgresql://", "postgres://")):
        raise ConfigError(
            "this database is not supported",
            found=url.partition("://")[0],
            expected="postgresql://USER:PASSWORD@HOST/DATABASE",
            hint=f"Unset {DATABASE} to use SQLite in the --jobs folder.",
        )
    return Store(Postgres(url))

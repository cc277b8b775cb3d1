"""Opens the job store in SQLite or PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from glossator.service.database.postgres import Postgres
from glossator.service.errors import ConfigError
from glossator.service.jobs.private_files import make_private_folder
from glossator.service.jobs.storage.store import Store

DATABASE = "GLOSSATOR_JOB_DATABASE"
FILE = "jobs.sqlite"
STORE = "job store"


def open_store(folder: Path, url: str | None = None) -> Store:
    """Open the store: PostgreSQL if a URL is given, else an SQLite file in the folder. Raises ConfigError."""
    if url is None:
        from glossator.service.database.sqlite import Sqlite  # apsw is only needed here

        try:
            if not folder.is_dir():
                folder.parent.mkdir(parents=True, exist_ok=True)
                make_private_folder(folder)
        except OSError as error:
            raise ConfigError(
                "the --jobs folder cannot be used",
                found=f"{folder}: {error.strerror}",
                expected="a writable folder",
                hint="Choose another folder with --jobs.",
            ) from error
        return Store(Sqlite(folder / FILE, store=STORE, option="--jobs"))
    if not url.startswith(("postgresql://", "postgres://")):
        raise ConfigError(
            "this database is not supported",
            found=url.partition("://")[0],
            expected="postgresql://USER:PASSWORD@HOST/DATABASE",
            hint=f"Unset {DATABASE} to use SQLite in the --jobs folder.",
        )
    return Store(Postgres(url, store=STORE, variable=DATABASE))

"""The same tests on both databases: SQLite in a folder, and a PostgreSQL that is really started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from databases import postgres, postgres_programs

from service.jobs.records import Job, NewJob
from service.jobs.store import Store
from service.jobs.stores import store_of


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if postgres_programs() is None:
        if os.environ.get("GLOSSATOR_REQUIRE_POSTGRES"):
            pytest.fail("PostgreSQL is not installed, and GLOSSATOR_REQUIRE_POSTGRES is set")
        pytest.skip("PostgreSQL is not installed")
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """The URL of an empty database; None for SQLite."""
    if request.param == "sqlite":
        return None
    import psycopg

    url: str = request.getfixturevalue("postgres_url")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


@pytest.fixture
def store(tmp_path: Path, database_url: str | None) -> Iterator[Store]:
    made = store_of(tmp_path / "store", database_url)
    yield made
    made.close()


NEW = NewJob(
    id="job_1", owner="ann", model="intents", digest="d" * 64, options={"text_column": "text"}, settings={"cost": {}},
    filename="rows.csv", input="input.csv", input_sha256="0" * 64, input_bytes=10, keep_seconds=3_600.0,
    fingerprint="f1",
)  # fmt: skip


def submitted(store: Store, **changes: Any) -> Job:
    """A job that was accepted."""
    return store.submit(replace(NEW, **changes))[0]

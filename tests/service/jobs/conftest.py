"""The same tests on both databases: SQLite in a folder, and a PostgreSQL that is really started."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from glossator.service.jobs.records import Chunk, Job, NewJob
from glossator.service.jobs.storage.open_store import open_store
from glossator.service.jobs.storage.store import Store
from glossator.service.labelling.summary import RowCounts


@pytest.fixture
def store(tmp_path: Path, database_url: str | None) -> Iterator[Store]:
    made = open_store(tmp_path / "store", database_url)
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


D = ["d" * 64]


def chunk(number: int, attempt: int = 1, **counts: object) -> Chunk:
    return Chunk(number, f"{number:08d}-{attempt}.part", f"{number}", RowCounts(**{"rows": 4, **counts}))  # type: ignore[arg-type]

"""A log of answers, as servers write it, and a store of reviews in each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from glossator.service.reviews.store import ReviewStore, open_review_store


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


@pytest.fixture
def store(log: Path, database_url: str | None) -> Iterator[ReviewStore]:
    opened = open_review_store(log, database_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(log: Path) -> Iterator[ReviewStore]:
    opened = open_review_store(log)
    yield opened
    opened.close()

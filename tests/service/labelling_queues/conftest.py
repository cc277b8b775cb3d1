"""A store of labelling queues in each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from glossator.service.labelling_queues.store import LabellingStore
from glossator.service.reviews.store import open_review_database


@pytest.fixture
def labelling_store(tmp_path: Path, database_url: str | None) -> Iterator[LabellingStore]:
    opened = LabellingStore(open_review_database(tmp_path, database_url))
    yield opened
    opened.close()


@pytest.fixture
def sqlite_labelling_store(tmp_path: Path) -> Iterator[LabellingStore]:
    opened = LabellingStore(open_review_database(tmp_path))
    yield opened
    opened.close()

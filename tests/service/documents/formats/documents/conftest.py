from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from glossator.service.documents.record import Record
from glossator.service.documents.sources.open_reader import open_reader


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Record]]:
    """Writes a file of this name and returns its records."""

    def call(name: str, data: bytes, **options: object) -> list[Record]:
        (tmp_path / name).write_bytes(data)
        with open_reader(tmp_path / name, **options) as source:  # type: ignore[arg-type]
            records = list(source.records())
            assert all(set(record.fields) <= set(source.columns) for record in records)
        return records

    return call


@pytest.fixture
def text_of(read: Callable[..., list[Record]]) -> Callable[..., str]:
    """Writes a file of this name, which is one text, and returns the text."""

    def call(name: str, data: bytes, **options: object) -> str:
        (record,) = read(name, data, **options)
        assert record.error is None, record.error
        return str(record.fields["text"])

    return call


@pytest.fixture
def decisions_of(tmp_path: Path) -> Callable[..., list[str]]:
    """Writes a file of this name and returns the messages of its decisions."""

    def call(name: str, data: bytes, **options: object) -> list[str]:
        (tmp_path / name).write_bytes(data)
        with open_reader(tmp_path / name, **options) as source:  # type: ignore[arg-type]
            return [decision.message for decision in source.decisions()]

    return call

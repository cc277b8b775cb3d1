"""Reads tables from memory, for tests of delimited files."""

from __future__ import annotations

import io

from glossator.service.documents.formats.tables.delimited import CsvSource
from glossator.service.documents.record import Record
from glossator.service.documents.sources.open_reader import open_reader


def source_of(data: bytes | str, *, format: str = "csv", **options: object) -> CsvSource:
    stdin = io.BufferedReader(io.BytesIO(data.encode() if isinstance(data, str) else data))
    source = open_reader("-", format=format, stdin=stdin, **options)  # type: ignore[arg-type]
    assert isinstance(source, CsvSource)
    return source


def read(data: bytes | str, *, format: str = "csv", **options: object) -> list[Record]:
    return list(source_of(data, format=format, **options).records())


def values(records: list[Record]) -> list[list[object]]:
    assert all(record.error is None for record in records)
    return [list(record.fields.values()) for record in records]

"""Splits rows into chunks. A chunk is the unit of work: the ledger records it, a resumed labelling repeats it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from glossator.service.documents.record import Record
from glossator.service.errors import ConfigError

CHUNK_ROWS = 1024
CHUNK_CHARACTERS = 16 << 20
"""A chunk ends with the row that reaches this number of characters, so that long documents fit in memory."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of a source that are answered together. `row_ids` are their numbers in the source, from 0."""

    index: int
    row_ids: tuple[int, ...]
    records: tuple[Record, ...]


def split_into_chunks(
    numbered: Iterable[tuple[int, Record]], *, chunk_rows: int = CHUNK_ROWS, chunk_characters: int = CHUNK_CHARACTERS
) -> Iterator[Chunk]:
    """Yield all records in chunks of at most `chunk_rows` rows, in order.

    The chunks depend on the rows alone, never on threads or timing: a file is always split, batched and answered in the
    same way.

    Args:
        numbered: Each record with its number in the source.
        chunk_rows: Most rows per chunk.
        chunk_characters: A chunk ends with the row that reaches this number of characters.
    """
    if chunk_rows < 1:
        raise ConfigError("chunk_rows is too small", found=chunk_rows, expected="1 or more")
    index = characters = 0
    rows: list[tuple[int, Record]] = []
    for row_id, record in numbered:
        rows.append((row_id, record))
        characters += sum(len(value) for value in record.fields.values() if isinstance(value, str))
        if len(rows) == chunk_rows or characters >= chunk_characters:
            yield _chunk(index, rows)
            index, characters, rows = index + 1, 0, []
    if rows:
        yield _chunk(index, rows)


def _chunk(index: int, rows: list[tuple[int, Record]]) -> Chunk:
    row_ids, records = zip(*rows, strict=True)
    return Chunk(index, row_ids, records)


def select_rows(
    records: Iterable[Record], *, limit: int | None = None, share: float | None = None, seed: int = 0
) -> Iterator[tuple[int, Record]]:
    """Yield records with their numbers: the first `limit`, a random `share` (0 to 1) of them, or both.

    The random choice depends on the number of a row and the seed alone.
    """
    numbered: Iterator[tuple[int, Record]] = enumerate(records)
    if share is not None:
        numbered = (each for each in numbered if _random(each[0], seed) < share)
    return islice(numbered, limit)


def _random(row_id: int, seed: int) -> float:
    """Return a number from 0 to 1 that depends on the row and the seed alone."""
    digest = hashlib.blake2b(b"%d %d" % (seed, row_id), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64

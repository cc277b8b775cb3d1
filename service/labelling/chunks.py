"""Rows cut into chunks at fixed places. A chunk is the unit of work: a ledger records it, a resume repeats it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from glossator.service.documents.record import Record
from glossator.service.errors import ConfigError

CHUNK_ROWS = 1024
CHUNK_CHARACTERS = 16 << 20
"""A chunk of long documents ends early, with the row that reaches this, so that a chunk fits in memory."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of a source that are answered together. `row_ids` are their places in the source, from 0."""

    index: int
    row_ids: tuple[int, ...]
    records: tuple[Record, ...]


def chunks(
    numbered: Iterable[tuple[int, Record]], *, chunk_rows: int = CHUNK_ROWS, chunk_characters: int = CHUNK_CHARACTERS
) -> Iterator[Chunk]:
    """Every record, in order, in chunks of at most `chunk_rows` rows. `numbered` gives each with its place.

    The cuts depend on the rows alone, never on threads or timing: the same file is always cut in the same places, and
    so batched and answered in the same way.
    """
    if chunk_rows < 1:
        raise ConfigError("a chunk needs rows", found=chunk_rows, expected="1 or more")
    index = characters = 0
    taken: list[tuple[int, Record]] = []
    for row_id, record in numbered:
        taken.append((row_id, record))
        characters += sum(len(value) for value in record.fields.values() if isinstance(value, str))
        if len(taken) == chunk_rows or characters >= chunk_characters:
            yield _chunk(index, taken)
            index, characters, taken = index + 1, 0, []
    if taken:
        yield _chunk(index, taken)


def _chunk(index: int, taken: list[tuple[int, Record]]) -> Chunk:
    row_ids, records = zip(*taken, strict=True)
    return Chunk(index, row_ids, records)


def chosen(
    records: Iterable[Record], *, limit: int | None = None, share: float | None = None, seed: int = 0
) -> Iterator[tuple[int, Record]]:
    """The records with their places: the first `limit`, or a random `share` (0 to 1) of them, which depends on the
    places and the seed alone."""
    numbered: Iterator[tuple[int, Record]] = enumerate(records)
    if share is not None:
        numbered = (each for each in numbered if _random(each[0], seed) < share)
    return islice(numbered, limit)


def _random(row_id: int, seed: int) -> float:
    """A number from 0 to 1, always the same for a place and a seed."""
    digest = hashlib.blake2b(b"%d %d" % (seed, row_id), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64

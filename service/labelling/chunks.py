"""Rows cut into chunks at fixed places. A chunk is the unit of work: a ledger records it, a resume repeats it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from service.documents.record import Record
from service.errors import ConfigError

CHUNK_ROWS = 1024
CHUNK_CHARACTERS = 16 << 20
"""A chunk of long documents ends early, with the row that reaches this, so that a chunk fits in memory."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring rows of a source. `first_row` is the 0-based index of the first of them."""

    index: int
    first_row: int
    records: tuple[Record, ...]


def chunks(
    records: Iterable[Record], *, chunk_rows: int = CHUNK_ROWS, chunk_characters: int = CHUNK_CHARACTERS
) -> Iterator[Chunk]:
    """Every record, in order, in chunks of at most `chunk_rows` rows.

    The cuts depend on the rows alone, never on threads or timing: the same file is always cut in the same places, and
    so batched and answered in the same way.
    """
    if chunk_rows < 1:
        raise ConfigError("a chunk needs rows", found=chunk_rows, expected="1 or more")
    index = first_row = characters = 0
    taken: list[Record] = []
    for record in records:
        taken.append(record)
        characters += sum(len(value) for value in record.fields.values() if isinstance(value, str))
        if len(taken) == chunk_rows or characters >= chunk_characters:
            yield Chunk(index, first_row, tuple(taken))
            index, first_row, characters, taken = index + 1, first_row + len(taken), 0, []
    if taken:
        yield Chunk(index, first_row, tuple(taken))

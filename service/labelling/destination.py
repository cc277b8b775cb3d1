"""Where labelled rows are written: directly to a stream, or chunk by chunk to a ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from glossator.service.documents.row_formats import Row, RowFormat
from glossator.service.documents.row_writer import RowWriter
from glossator.service.labelling.chunks import Chunk
from glossator.service.labelling.summary import RowCounts


class Destination(Protocol):
    """Takes the rows of chunks, in order."""

    @property
    def nested(self) -> bool:
        """Whether a cell may be a list."""

    @property
    def done(self) -> Mapping[int, RowCounts]:
        """Counts of finished chunks by index; they are not answered again."""

    def put(self, chunk: Chunk, rows: Iterable[Row], counts: RowCounts) -> None:
        """Take the rows of one chunk."""


class StreamDestination:
    """Writes rows directly. An interrupted labelling cannot be resumed."""

    def __init__(self, writer: RowWriter) -> None:
        self._writer = writer
        self.nested = writer.nested
        self.done: Mapping[int, RowCounts] = {}

    def put(self, chunk: Chunk, rows: Iterable[Row], counts: RowCounts) -> None:
        for row in rows:
            self._writer.write(row)


class ChunkStore(Protocol):
    """Stores the bytes of chunks: the ledger of a file, or of a job of the API."""

    @property
    def done(self) -> Mapping[int, RowCounts]:
        """Counts of the stored chunks by index."""

    def put(self, index: int, data: bytes, counts: RowCounts) -> None:
        """Store a chunk."""


class LedgerDestination:
    """Encodes chunks in the output's format and stores them in a ledger."""

    def __init__(self, ledger: ChunkStore, row_format: RowFormat) -> None:
        self._ledger = ledger
        self._format = row_format
        self.nested = row_format.nested
        self.done: Mapping[int, RowCounts] = dict(ledger.done)

    def put(self, chunk: Chunk, rows: Iterable[Row], counts: RowCounts) -> None:
        self._ledger.put(chunk.index, self._format.encode(rows), counts)

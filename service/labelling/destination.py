"""Where labelled rows go: straight into a stream, or chunk by chunk into a ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from glossator.service.documents.row_formats import Layout, Row, Sink
from glossator.service.labelling.chunks import Chunk
from glossator.service.labelling.summary import Counts


class Destination(Protocol):
    """Takes the rows of chunks, in order."""

    @property
    def nested(self) -> bool:
        """Whether a cell may hold a list."""

    @property
    def done(self) -> Mapping[int, Counts]:
        """What came of chunks that need not be done again."""

    def put(self, chunk: Chunk, rows: Iterable[Row], counts: Counts) -> None:
        """Takes the rows of one chunk."""


class Streamed:
    """Rows straight into a sink. Nothing is kept of a run that is broken off."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.nested = sink.nested
        self.done: Mapping[int, Counts] = {}

    def put(self, chunk: Chunk, rows: Iterable[Row], counts: Counts) -> None:
        for row in rows:
            self._sink.write(row)


class Chunks(Protocol):
    """Keeps the bytes of chunks, and knows which are done: the ledger of a file, or of a job of the API."""

    @property
    def done(self) -> Mapping[int, Counts]:
        """What came of the chunks that are there, by their index."""

    def put(self, index: int, data: bytes, counts: Counts) -> None:
        """Keeps a chunk."""


class Kept:
    """Chunks into a ledger, in the format of the output."""

    def __init__(self, ledger: Chunks, layout: Layout) -> None:
        self._ledger = ledger
        self._layout = layout
        self.nested = layout.nested
        self.done: Mapping[int, Counts] = dict(ledger.done)

    def put(self, chunk: Chunk, rows: Iterable[Row], counts: Counts) -> None:
        self._ledger.put(chunk.index, self._layout.part(rows), counts)

"""Labels a source: one row out for each row in, in order, whatever the rows hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from service.documents.source import Source
from service.documents.write import Sink
from service.errors import InferenceError, InputError
from service.labelling.chunks import CHUNK_ROWS, Chunk, chunks
from service.labelling.columns import Columns
from service.labelling.rows import Rows
from service.labelling.summary import LabelSummary, Tally
from service.tasks.encoded import Text

if TYPE_CHECKING:
    from service.inference.pipeline import Answer

AHEAD = 2
"""Chunks that wait for their answers while the next one is read: workers always have one to run, and memory stays flat
however large the file is."""


class Pending(Protocol):
    """Answers on their way: one a text, in order; an InputError in the place of a bad text."""

    def result(self) -> Sequence[Answer | InputError]: ...


Start = Callable[[Sequence[Text | InputError]], Pending]
"""Begins to answer texts; an InputError stands for itself. `Model.start` is one."""


def label(
    source: Source,
    sink: Sink,
    start: Start,
    *,
    columns: Columns,
    model: str,
    chunk_rows: int = CHUNK_ROWS,
    progress: Callable[[LabelSummary], None] | None = None,
) -> LabelSummary:
    """Writes every row of `source` to `sink` with its answer, and returns the counts.

    Reading, encoding, inference and writing overlap: a chunk is read while others are answered. `columns` come from
    `plan_columns`, and the sink was opened with `columns.all`. `model` is `name@digest12`. `progress` hears the counts
    after each chunk. A bad row becomes a row whose status is `error`; InferenceError, OutputError and the like end the
    run, and the sink's block then leaves no file.
    """
    rows = Rows(columns, nested=sink.nested, model=model)
    tally = Tally()
    waiting: deque[tuple[Chunk, Pending]] = deque()

    def write_one() -> None:
        chunk, pending = waiting.popleft()
        outcomes = pending.result()
        if len(outcomes) != len(chunk.records):
            what = f"{len(outcomes)} answers came for {len(chunk.records)} texts"
            raise InferenceError(what, expected="one answer a text")
        for row_id, (record, outcome) in enumerate(zip(chunk.records, outcomes, strict=True), chunk.first_row):
            sink.write(rows.answered(record, outcome, row_id))
            tally.add(outcome)
        if progress is not None:
            progress(tally.summary())

    for chunk in chunks(source.records(), chunk_rows=chunk_rows):
        waiting.append((chunk, start([rows.text(record) for record in chunk.records])))
        if len(waiting) > AHEAD:
            write_one()
    while waiting:
        write_one()
    return tally.summary()

"""Labels a source: one row out for each row in, in order, whatever the rows hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from service.documents.source import Source
from service.documents.write import Sink
from service.errors import InferenceError, InputError
from service.labelling.chunks import CHUNK_ROWS, chunks
from service.labelling.columns import Columns
from service.labelling.rows import Rows
from service.labelling.summary import LabelSummary, Tally

if TYPE_CHECKING:
    from service.inference.pipeline import Answer

Predict = Callable[[Sequence[str]], "Sequence[Answer | InputError]"]
"""One answer a text, in order; the InputError of a bad text in its place. `Model.predict` is one."""


def label(
    source: Source,
    sink: Sink,
    predict: Predict,
    *,
    columns: Columns,
    model: str,
    chunk_rows: int = CHUNK_ROWS,
    progress: Callable[[LabelSummary], None] | None = None,
) -> LabelSummary:
    """Writes every row of `source` to `sink` with its answer, and returns the counts.

    `columns` come from `plan_columns`, and the sink was opened with `columns.all`. `model` is `name@digest12`.
    `progress` hears the counts after each chunk. A bad row becomes a row whose status is `error`; InferenceError,
    OutputError and the like end the run, and the sink's block then leaves no file.
    """
    rows = Rows(columns, nested=sink.nested, model=model)
    tally = Tally()
    for chunk in chunks(source.records(), chunk_rows=chunk_rows):
        outcomes = answer([rows.text(record) for record in chunk.records], predict)
        for row_id, (record, outcome) in enumerate(zip(chunk.records, outcomes, strict=True), chunk.first_row):
            sink.write(rows.answered(record, outcome, row_id))
            tally.add(outcome)
        if progress is not None:
            progress(tally.summary())
    return tally.summary()


def answer(texts: Sequence[str | InputError], predict: Predict) -> list[Answer | InputError]:
    """The outcome of each text in order, an error standing for itself; `predict` sees the good ones, in one call."""
    good = [text for text in texts if isinstance(text, str)]
    answers = predict(good) if good else []
    if len(answers) != len(good):
        raise InferenceError(f"{len(answers)} answers came for {len(good)} texts", expected="one answer a text")
    following = iter(answers)
    return [next(following) if isinstance(text, str) else text for text in texts]

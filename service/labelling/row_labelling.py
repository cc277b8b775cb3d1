"""Labels the rows of a source: one row out for each row in, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from glossator.service.documents.sources.source import Source
from glossator.service.errors import InferenceError, InputError, JobError
from glossator.service.labelling.chunks import CHUNK_ROWS, Chunk, select_rows, split_into_chunks
from glossator.service.labelling.column_plan import ColumnPlan
from glossator.service.labelling.destination import Destination
from glossator.service.labelling.row_mapping import RowMapper
from glossator.service.labelling.summary import LabelSummary, RowCounts, RunningTotal, count_outcomes
from glossator.service.tasks.encoded import Text

if TYPE_CHECKING:
    from glossator.service.inference.pipeline import Answer

CHUNKS_AHEAD = 2
"""Chunks that wait for their answers while the next one is read: workers always have work, and memory stays bounded."""


class PendingAnswers(Protocol):
    """Answers that are being computed."""

    def result(self) -> Sequence[Answer | InputError]:
        """Wait for the answers, and return one per text, in order; an InputError for a bad text."""


@dataclass(frozen=True, slots=True)
class RowSelection:
    """Which rows are labelled: the first `limit`, a random `share` (0 to 1), or both."""

    limit: int | None = None
    share: float | None = None
    seed: int = 0


ALL_ROWS = RowSelection()

StartAnswers = Callable[[Sequence[Text | InputError]], PendingAnswers]
"""Starts to answer texts; an InputError is returned unchanged. `Model.start` is one."""


def label_rows(
    source: Source,
    destination: Destination,
    start: StartAnswers,
    *,
    columns: ColumnPlan,
    model: str,
    selection: RowSelection = ALL_ROWS,
    chunk_rows: int = CHUNK_ROWS,
    max_error_rate: float | None = None,
    ahead: int = CHUNKS_AHEAD,
    progress: Callable[[LabelSummary], None] | None = None,
) -> LabelSummary:
    """Write the rows of `source` with their answers to `destination`, chunk by chunk, and return the counts.

    Reading, encoding, inference and writing overlap. Within a chunk, duplicate texts are computed once. Chunks that the
    destination already has are skipped. A bad row becomes a row with status `error`.

    Args:
        source: The rows.
        destination: Takes the labelled rows.
        start: Starts to answer texts.
        columns: From `plan_columns`.
        model: `name@digest12`, written to each row.
        selection: Which rows are labelled.
        chunk_rows: Most rows per chunk.
        max_error_rate: Stop when more than this share of the rows so far carry an error.
        ahead: Chunks that wait for their answers while the next one is read.
        progress: Called with the counts after each chunk.

    Raises:
        JobError: More than `max_error_rate` of the rows carry an error.
        InferenceError: A graph failed.
        OutputError: The destination cannot be written.
    """
    mapper = RowMapper(columns, nested=destination.nested, model=model)
    total = RunningTotal()
    waiting: deque[tuple[Chunk, list[int], PendingAnswers]] = deque()

    def add_counts(counts: RowCounts, *, resumed: bool = False) -> None:
        total.add(counts, resumed=resumed)
        if progress is not None or max_error_rate is not None:
            summary = total.summary()
            _check_error_rate(summary, max_error_rate)
            if progress is not None:
                progress(summary)

    def write_one() -> None:
        chunk, places, pending = waiting.popleft()
        answers = pending.result()
        if len(answers) != max(places) + 1:
            raise InferenceError(f"got {len(answers)} answers for {max(places) + 1} texts", expected="one per text")
        outcomes = [answers[place] for place in places]
        rows = (mapper.labelled_row(*each) for each in zip(chunk.records, outcomes, chunk.row_ids, strict=True))
        counts = count_outcomes(outcomes)
        destination.put(chunk, rows, counts)
        add_counts(counts)

    selected = select_rows(source.records(), limit=selection.limit, share=selection.share, seed=selection.seed)
    for chunk in split_into_chunks(selected, chunk_rows=chunk_rows):
        done = destination.done.get(chunk.index)
        if done is not None:
            add_counts(done, resumed=True)
            continue
        texts, places = _deduplicate([mapper.read_text(record) for record in chunk.records])
        waiting.append((chunk, places, start(texts)))
        if len(waiting) > ahead:
            write_one()
    while waiting:
        write_one()
    return total.summary()


def _deduplicate(texts: Sequence[Text | InputError]) -> tuple[list[Text | InputError], list[int]]:
    """Return the distinct texts, and for each row the index of its text among them."""
    places: dict[object, int] = {}
    keys = [id(text) if isinstance(text, InputError) else text for text in texts]
    distinct: list[Text | InputError] = []
    for key, text in zip(keys, texts, strict=True):
        if key not in places:
            places[key] = len(distinct)
            distinct.append(text)
    return distinct, [places[key] for key in keys]


def _check_error_rate(summary: LabelSummary, limit: float | None) -> None:
    if limit is not None and summary.failed > limit * summary.rows:
        listed = ", ".join(f"{number:,} {code}" for code, number in summary.errors.items())
        raise JobError(
            "too many rows carry an error",
            found=f"{summary.failed:,} of {summary.rows:,}: {listed}",
            expected=f"at most {limit:.2%}",
            hint="Check the rows, the column and the format, or raise --max-error-rate.",
        )

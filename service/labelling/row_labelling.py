"""Labels a source: one row out for each row in, in order, whatever the rows hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from glossator.service.documents.source import Source
from glossator.service.errors import InferenceError, InputError, JobError
from glossator.service.labelling.chunks import CHUNK_ROWS, Chunk, chosen, chunks
from glossator.service.labelling.column_plan import Columns
from glossator.service.labelling.destination import Destination
from glossator.service.labelling.row_mapping import Rows
from glossator.service.labelling.summary import Counts, LabelSummary, Tally, count
from glossator.service.tasks.encoded import Text

if TYPE_CHECKING:
    from glossator.service.inference.pipeline import Answer

AHEAD = 2
"""Chunks that wait for their answers while the next one is read: workers always have one to run, and memory stays flat
however large the file is."""


class Pending(Protocol):
    """Answers on their way: one a text, in order; an InputError in the place of a bad text."""

    def result(self) -> Sequence[Answer | InputError]: ...


@dataclass(frozen=True, slots=True)
class Part:
    """Which rows of a source are labelled: the first `limit`, or a random `share` of them, or both."""

    limit: int | None = None
    share: float | None = None
    seed: int = 0


WHOLE = Part()

Start = Callable[[Sequence[Text | InputError]], Pending]
"""Begins to answer texts; an InputError stands for itself. `Model.start` is one."""


def label(
    source: Source,
    destination: Destination,
    start: Start,
    *,
    columns: Columns,
    model: str,
    part: Part = WHOLE,
    chunk_rows: int = CHUNK_ROWS,
    max_error_rate: float | None = None,
    ahead: int = AHEAD,
    progress: Callable[[LabelSummary], None] | None = None,
) -> LabelSummary:
    """Gives the rows of `source` with their answers to `destination`, chunk by chunk, and returns the counts.

    Reading, encoding, inference and writing overlap: a chunk is read while others are answered, and what stands in it
    several times is computed once; chunks that the destination has are passed over. `columns` come from
    `plan_columns`; `model` is `name@digest12`; `ahead` chunks wait for their answers while the next one is read.
    `progress` hears the counts after each chunk. A bad row becomes a row
    whose status is `error`; where more than `max_error_rate` of the rows so far carry one, JobError ends the run.
    InferenceError, OutputError and the like end it too.
    """
    rows = Rows(columns, nested=destination.nested, model=model)
    tally = Tally()
    waiting: deque[tuple[Chunk, list[int], Pending]] = deque()

    def told(counts: Counts, *, resumed: bool = False) -> None:
        tally.add(counts, resumed=resumed)
        if progress is not None or max_error_rate is not None:
            summary = tally.summary()
            _check_errors(summary, max_error_rate)
            if progress is not None:
                progress(summary)

    def write_one() -> None:
        chunk, places, pending = waiting.popleft()
        answers = pending.result()
        if len(answers) != max(places) + 1:
            raise InferenceError(
                f"{len(answers)} answers came for {max(places) + 1} texts", expected="one answer a text"
            )
        outcomes = [answers[place] for place in places]
        answered = (rows.answered(*each) for each in zip(chunk.records, outcomes, chunk.row_ids, strict=True))
        counts = count(outcomes)
        destination.put(chunk, answered, counts)
        told(counts)

    for chunk in chunks(chosen(source.records(), limit=part.limit, share=part.share, seed=part.seed),
                        chunk_rows=chunk_rows):  # fmt: skip
        done = destination.done.get(chunk.index)
        if done is not None:
            told(done, resumed=True)
            continue
        texts, places = _distinct([rows.text(record) for record in chunk.records])
        waiting.append((chunk, places, start(texts)))
        if len(waiting) > ahead:
            write_one()
    while waiting:
        write_one()
    return tally.summary()


def _distinct(texts: Sequence[Text | InputError]) -> tuple[list[Text | InputError], list[int]]:
    """Texts of which the same may stand in several rows, each once, and the place of each row's among them."""
    places: dict[object, int] = {}
    keys = [id(text) if isinstance(text, InputError) else text for text in texts]
    distinct: list[Text | InputError] = []
    for key, text in zip(keys, texts, strict=True):
        if key not in places:
            places[key] = len(distinct)
            distinct.append(text)
    return distinct, [places[key] for key in keys]


def _check_errors(summary: LabelSummary, most: float | None) -> None:
    if most is not None and summary.failed > most * summary.rows:
        listed = ", ".join(f"{number:,} {code}" for code, number in summary.errors.items())
        raise JobError(
            "too many rows carry an error",
            found=f"{summary.failed:,} of {summary.rows:,}: {listed}",
            expected=f"at most {most:.2%}",
            hint="Look at the rows, name the right column or format, or raise --max-error-rate.",
        )

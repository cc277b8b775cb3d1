"""Estimates the time and cost of labelling a source: reads all of it and answers a sample."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from glossator.service.documents.sources.source import Source
from glossator.service.errors import InputError
from glossator.service.inference.pipeline import Answer
from glossator.service.labelling.chunks import select_rows
from glossator.service.labelling.column_plan import ColumnPlan
from glossator.service.labelling.row_labelling import ALL_ROWS, RowSelection, StartAnswers
from glossator.service.labelling.row_mapping import RowMapper
from glossator.service.tasks.encoded import Text

SAMPLE_ROWS = 2_048
_SECONDS_PER_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class LabellingEstimate:
    """`rows` and `unreadable` are counted; `tokens`, `seconds` and `cost` are projected from `sampled` rows."""

    rows: int
    unreadable: int
    """Rows without a readable text. Answering may find more rows with errors."""
    sampled: int
    failed: int
    """Sampled rows with an error."""
    tokens: int
    seconds: float
    rows_per_second: float
    cost: float | None
    """Cost of the machine, in the unit of `cost_per_hour`."""


def estimate_labelling(
    source: Source,
    start: StartAnswers,
    *,
    columns: ColumnPlan,
    selection: RowSelection = ALL_ROWS,
    cost_per_hour: float | None = None,
) -> LabellingEstimate:
    """Read the whole source, answer a random sample of SAMPLE_ROWS rows (reservoir sampling, Vitter 1985) and project.

    A sixteenth of the sample runs first as a warm-up; then the sample runs at once.
    """
    mapper = RowMapper(columns, nested=True, model="")
    chance = random.Random(0)
    count = unreadable = 0
    sample: list[Text | InputError] = []
    started = perf_counter()
    for _, record in select_rows(source.records(), limit=selection.limit, share=selection.share, seed=selection.seed):
        text = mapper.read_text(record)
        unreadable += isinstance(text, InputError)
        place = count if count < SAMPLE_ROWS else chance.randrange(count + 1)
        if place < SAMPLE_ROWS:
            sample[place : place + 1] = [text]
        count += 1
    reading_seconds = perf_counter() - started
    start(sample[: SAMPLE_ROWS // 16]).result()
    started = perf_counter()
    outcomes: Sequence[Answer | InputError] = start(sample).result()
    answering_seconds = perf_counter() - started
    answers = [each for each in outcomes if isinstance(each, Answer)]
    scale = count / max(1, len(sample))
    seconds = max(reading_seconds, answering_seconds * scale)  # both happen at the same time
    return LabellingEstimate(
        rows=count,
        unreadable=unreadable,
        sampled=len(sample),
        failed=len(outcomes) - len(answers),
        tokens=round(sum(each.tokens for each in answers) * scale),
        seconds=seconds,
        rows_per_second=count / max(seconds, 1e-9),
        cost=None if cost_per_hour is None else cost_per_hour * seconds / _SECONDS_PER_HOUR,
    )

"""What labelling a source would take, before it is done: all of it is read, a sample of it is answered."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from glossator.service.documents.source import Source
from glossator.service.errors import InputError
from glossator.service.inference.pipeline import Answer
from glossator.service.labelling.chunks import chosen
from glossator.service.labelling.column_plan import Columns
from glossator.service.labelling.row_labelling import WHOLE, Part, Start
from glossator.service.labelling.row_mapping import Rows
from glossator.service.tasks.encoded import Text

SAMPLE = 2_048
_SECONDS_AN_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class Estimate:
    """`tokens`, `seconds` and `cost` are projected from `sampled` rows, `rows` and `unreadable` are counted."""

    rows: int
    unreadable: int
    """Rows that hold no text that can be read. More may turn out bad when they are answered."""
    sampled: int
    failed: int
    """Of the sampled rows, those with an error."""
    tokens: int
    seconds: float
    rows_per_second: float
    cost: float | None
    """Of the machine, in the unit of what an hour was said to cost."""


def estimate(
    source: Source,
    start: Start,
    *,
    columns: Columns,
    part: Part = WHOLE,
    cost_an_hour: float | None = None,
) -> Estimate:
    """Reads the whole source, answers a random sample of SAMPLE rows (reservoir sampling, Vitter 1985) and projects.

    The sample runs in one piece, as a file does, after a part of it that warms up.
    """
    rows = Rows(columns, nested=True, model="")
    chance = random.Random(0)
    count = unreadable = 0
    sample: list[Text | InputError] = []
    began = perf_counter()
    for _, record in chosen(source.records(), limit=part.limit, share=part.share, seed=part.seed):
        text = rows.text(record)
        unreadable += isinstance(text, InputError)
        place = count if count < SAMPLE else chance.randrange(count + 1)
        if place < SAMPLE:
            sample[place : place + 1] = [text]
        count += 1
    reading = perf_counter() - began
    start(sample[: SAMPLE // 16]).result()
    began = perf_counter()
    outcomes: Sequence[Answer | InputError] = start(sample).result()
    answering = perf_counter() - began
    answers = [each for each in outcomes if isinstance(each, Answer)]
    scale = count / max(1, len(sample))
    seconds = max(reading, answering * scale)  # reading goes on while others are answered
    return Estimate(
        rows=count,
        unreadable=unreadable,
        sampled=len(sample),
        failed=len(outcomes) - len(answers),
        tokens=round(sum(each.tokens for each in answers) * scale),
        seconds=seconds,
        rows_per_second=count / max(seconds, 1e-9),
        cost=None if cost_an_hour is None else cost_an_hour * seconds / _SECONDS_AN_HOUR,
    )

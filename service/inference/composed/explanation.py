"""Explains a label by occlusion: how much its probability drops without each part of the text.

A part is a word; in texts with more than MOST_PARTS words, a run of words. Its contribution is the probability of the
label minus the probability without the part (Zeiler and Fergus 2014 for images; Li, Monroe and Jurafsky 2016,
"Understanding neural networks through representation erasure", for texts). Each part costs one pass over the model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from glossator.service.bundle.task import Classifier, TextClassification
from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.pipeline import Answer, Pipeline, PooledText
from glossator.service.inference.queue.calls import Lane
from glossator.service.inference.steps import Steps
from glossator.service.tasks.offsets import OffsetUnit, offset_converter
from glossator.service.tasks.rating import is_rating
from glossator.service.tasks.text_classification import Classification, probabilities

MOST_PARTS = 48
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Attribution:
    """A part of a text, `text == document[start:end]`, and its contribution to the label, from -1 to 1."""

    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The contributions of the parts of a text, in text order, to its most probable label."""

    label: str
    attributions: tuple[Attribution, ...]


def split_parts(text: str, most: int = MOST_PARTS) -> list[tuple[int, int]]:
    """Return start and end of the parts of a text: its words, or runs of equally many words, at most `most` parts.

    >>> split_parts("the parcel came")
    [(0, 3), (4, 10), (11, 15)]
    """
    words = [match.span() for match in _WORD.finditer(text)]
    run = -(-len(words) // most)
    return [(words[first][0], words[min(first + run, len(words)) - 1][1]) for first in range(0, len(words), run or 1)]


def passes(texts: Sequence[object]) -> list[int]:
    """Return the characters of each pass over the model that explanations of these texts take."""
    return [len(text) - end + start for text in texts if isinstance(text, str) for start, end in split_parts(text)]


def explain(
    pipeline: Pipeline,
    texts: Sequence[object],
    answers: Sequence[Answer | InputError],
    *,
    offset_unit: OffsetUnit | None = None,
    lane: Lane = "interactive",
    deadline: float | None = None,
) -> Steps[list[Explanation | None]]:
    """Return the explanation of each answer, or None for an invalid text.

    In a text with a single part, its contribution is the whole probability. Raises ConfigError for models that do not
    label texts, and the errors of `Pipeline.pooled_texts`.
    """
    check_explainable(pipeline.task)
    spans = [
        split_parts(text) if isinstance(text, str) and isinstance(answer, Answer) else []
        for text, answer in zip(texts, answers, strict=True)
    ]
    without = [
        text[:start] + text[end:]
        for text, each in zip(texts, spans, strict=True)
        for start, end in each
        if isinstance(text, str)
    ]
    rows = iter((yield from pipeline.pooled_texts(without, lane=lane, deadline=deadline)))
    explained: list[Explanation | None] = []
    for text, answer, each in zip(texts, answers, spans, strict=True):
        if not each or not isinstance(text, str) or not isinstance(answer, Answer):
            explained.append(None)
            continue
        assert isinstance(answer.prediction, Classification)
        best = answer.prediction.scores[0]
        place = pipeline.task.labels.index(best.label)
        count = offset_converter(text, offset_unit)
        found = [next(rows) for _ in each]
        explained.append(
            Explanation(
                best.label,
                tuple(
                    Attribution(
                        count(start), count(end), text[start:end], best.score - _probability(pipeline, row, place)
                    )
                    for (start, end), row in zip(each, found, strict=True)
                ),
            )
        )
    return explained


def check_explainable(task: object) -> None:
    """Raise ConfigError for a task whose answers cannot be explained."""
    if not isinstance(task, TextClassification) or is_rating(task):
        found = getattr(task, "task", None)
        raise ConfigError(
            "explain only applies to models that label one text",
            found=f"{found} with scores" if isinstance(task, TextClassification) else found,
            hint="Remove the option.",
        )


def _probability(pipeline: Pipeline, row: PooledText | InputError, place: int) -> float:
    if isinstance(row, InputError):  # the text was this part alone
        return 0.0
    assert isinstance(pipeline.task, Classifier)
    return float(probabilities(row.pooled, pipeline.task)[place])

"""Which parts of a text an answer rests on, told by leaving each out (occlusion).

A part is a word, with the white space before it; of a text with more words than MOST_PARTS, a run of words. What a part
is worth is the probability of the label less its probability without the part (Zeiler and Fergus 2014 for images; Li,
Monroe and Jurafsky 2016, "Understanding neural networks through representation erasure", for texts). Every part costs
one more pass over the model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from glossator.service.bundle.task import Classifier, TextClassification
from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.batching import Lane
from glossator.service.inference.pipeline import Answer, Pipeline, Raw
from glossator.service.tasks.offsets import OffsetUnit, offset_converter
from glossator.service.tasks.text_classification import Classification, probabilities

MOST_PARTS = 48
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Attribution:
    """A part of a text, `text == document[start:end]`, and what it is worth to the label, from -1 to 1."""

    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the parts of a text, in its order, are worth to its most probable label."""

    label: str
    attributions: tuple[Attribution, ...]


def parts_of(text: str, most: int = MOST_PARTS) -> list[tuple[int, int]]:
    """Where the parts of a text begin and end: its words, or runs of as many words each, at most `most`.

    >>> parts_of("the parcel came")
    [(0, 3), (4, 10), (11, 15)]
    """
    words = [match.span() for match in _WORD.finditer(text)]
    run = -(-len(words) // most)
    return [(words[first][0], words[min(first + run, len(words)) - 1][1]) for first in range(0, len(words), run or 1)]


def passes(texts: Sequence[object]) -> int:
    """How many passes over the model explanations of these texts take, at the least."""
    return sum(len(parts_of(text)) for text in texts if isinstance(text, str))


def explain(
    pipeline: Pipeline,
    texts: Sequence[object],
    answers: Sequence[Answer | InputError],
    *,
    offset_unit: OffsetUnit | None = None,
    lane: Lane = "interactive",
    deadline: float | None = None,
) -> list[Explanation | None]:
    """The explanation of each answer, None for a text that has none. Raises ConfigError for models that do not label
    texts, and what `Pipeline.raw` raises.

    Of a text of one part nothing is left without it: the part is worth the whole probability.
    """
    check(pipeline.task)
    spans = [
        parts_of(text) if isinstance(text, str) and isinstance(answer, Answer) else []
        for text, answer in zip(texts, answers, strict=True)
    ]
    without = [
        text[:start] + text[end:] for text, each in zip(texts, spans, strict=True) for start, end in each
        if isinstance(text, str)
    ]  # fmt: skip
    rows = iter(pipeline.raw(without, lane=lane, deadline=deadline))
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


def check(task: object) -> None:
    """Raises ConfigError for a task whose answers are not explained."""
    if not isinstance(task, TextClassification) or task.problem_type == "regression":
        raise ConfigError(
            "explain applies to models that label one text", found=getattr(task, "task", None), hint="Leave it out."
        )


def _probability(pipeline: Pipeline, row: Raw | InputError, place: int) -> float:
    if isinstance(row, InputError):  # nothing is left of the text
        return 0.0
    assert isinstance(pipeline.task, Classifier)
    return float(probabilities(row.pooled, pipeline.task)[place])

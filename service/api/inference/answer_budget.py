"""How much an answer may weigh, computed before anything is predicted: one limit for all dialects.

A small request can ask for a large answer: 1,000 short texts with the scores of 1,500 labels are 95 MB of JSON. Each
route estimates its answer from the number of texts, the length of the labels' names, the requested outputs and the
texts that it repeats, and refuses it above `Settings.max_answer_bytes`. What cannot be known before, such as the number
of entities, is bounded while the answer is encoded (`json_answers`). Names that a request brings and an answer repeats
have a limit of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate

from glossator.service.api.problems import AnswerTooLarge, InvalidRequest
from glossator.service.api.settings import PREFIX, Settings
from glossator.service.bundle.task import Classifier, Task, TextEmbedding
from glossator.service.errors import Fault, InputError
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.token_classification import Entities

SMALL_BYTES = 131_072
"""Answers of at most this size are computed and encoded on the event loop: a thread would take longer."""
MOST_NAME = 1_000
"""Characters of a name that a request brings and an answer repeats for each text."""
NUMBER_BYTES = 24
"""A number of 17 digits with its separator."""
SCORE_BYTES = 48
"""A score, without the name of its label."""
ROW_BYTES = 256
"""The other fields of the answer to one text."""
_SPAN_BYTES = 128
_ESCAPED = 6


def check_answer_size(size: int, settings: Settings) -> int:
    """Return the estimated size of an answer. Raises AnswerTooLarge above the limit."""
    if size > settings.max_answer_bytes:
        raise answer_too_large(f"about {size:,} bytes", settings.max_answer_bytes)
    return size


def answer_too_large(found: str, limit: int) -> AnswerTooLarge:
    """The error of an answer above the limit."""
    return AnswerTooLarge(
        "the answer would be too large",
        found=found,
        expected=f"at most {limit:,} bytes ({PREFIX}MAX_ANSWER_BYTES)",
        hint="Send fewer texts in one request, or ask for fewer scores.",
    )


def row_bytes(task: Task, *, listed: int | None = None) -> int:
    """About how many bytes the answer to one text has, and the numbers that it is computed from.

    `listed`: the number of scores (`top_k`); default: all labels. Entities and spans are not counted: see `span_bytes`.
    """
    if isinstance(task, TextEmbedding):
        return ROW_BYTES + task.dimension * NUMBER_BYTES
    if not isinstance(task, Classifier):
        return ROW_BYTES
    several = task.problem_type == "multi_label_classification"
    assigned = names_bytes(task.labels, len(task.labels) if several else 1)
    return ROW_BYTES + assigned + max(scores_bytes(task.labels, listed), 8 * len(task.labels))


def scores_bytes(labels: Sequence[str], listed: int | None = None) -> int:
    """About how many bytes the scores of `listed` labels have, those with the longest names; default: all labels."""
    count = len(labels) if listed is None else min(listed, len(labels))
    return count * SCORE_BYTES + names_bytes(labels, count)


def candidates_bytes(labels: Sequence[str]) -> int:
    """About how many bytes the scores of labels have that a request brings."""
    return len(labels) * SCORE_BYTES + echo_bytes(labels)


def names_bytes(labels: Sequence[str], count: int) -> int:
    """How many bytes the `count` longest names of a model's labels have in JSON."""
    return _longest_first(tuple(labels))[count]


@lru_cache(maxsize=256)
def _longest_first(labels: tuple[str, ...]) -> list[int]:
    """The total length of the first names, longest first: of none, one, two, ..."""
    return list(accumulate(sorted(map(text_bytes, labels), reverse=True), initial=0))


def text_bytes(text: Text | InputError) -> int:
    """About how many bytes a text has in JSON; each character outside ASCII has six or twelve."""
    if isinstance(text, Pair):
        return text_bytes(text.first) + text_bytes(text.second)
    if isinstance(text, InputError):
        return ROW_BYTES
    return len(text) if text.isascii() else _ESCAPED * len(text)


def echo_bytes(texts: Iterable[Text | InputError]) -> int:
    """About how many bytes the texts have in an answer that repeats them."""
    return sum(map(text_bytes, texts))


def span_bytes(answers: Iterable[Answer | InputError]) -> int:
    """About how many bytes the entities and spans of answers have."""
    total = 0
    for answer in answers:
        prediction = None if isinstance(answer, InputError) else answer.prediction
        if isinstance(prediction, Entities):
            total += sum(_SPAN_BYTES + text_bytes(each.text) for each in prediction.entities)
        elif isinstance(prediction, Extraction):
            total += sum(_SPAN_BYTES + text_bytes(each.text) for each in prediction.candidates)
    return total


def check_names(names: Iterable[str], where: str) -> None:
    """Raise InvalidRequest for a name that is too long to be repeated for each text."""
    for name in names:
        if len(name) > MOST_NAME:
            message = f"has a name of {len(name):,} characters; at most {MOST_NAME:,} are allowed"
            raise InvalidRequest(
                "a name is too long", faults=[Fault("too-long", message, where)], hint="Use a shorter name."
            )

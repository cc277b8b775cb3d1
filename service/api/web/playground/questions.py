"""What the form of the page asks: one model or two, texts and options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from glossator.service.api.problems import InvalidRequest
from glossator.service.api.web.playground.modes import Mode
from glossator.service.bundle.task import QuestionAnswering, Task, TextEmbedding
from glossator.service.inference.encoding import reads_pairs
from glossator.service.tasks.encoded import Pair, Text

MOST_LINES = 50
"""Of candidate labels, and of documents to rank."""
MOST_VECTORS = 12
"""Rows and columns of the table of similarities."""
COVERAGES = (0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `second`: the second text of a pair, or the question about `text`."""

    models: tuple[str, ...]
    text: str
    second: str = ""
    mode: Mode = "predict"
    lines: tuple[str, ...] = ()
    """Candidate labels, or documents to rank."""
    several: bool = False
    explain: bool = False
    coverage: float | None = None
    truncate: bool = False


def read_question(fields: Mapping[str, str]) -> Question:
    """The question in the fields of the form. Raises InvalidRequest."""
    models = dict.fromkeys(name for name in (fields.get("model", ""), fields.get("other", "")) if name)
    if not models:
        raise InvalidRequest("no model is selected", hint="Select a model.")
    mode = next((each for each in get_args(Mode) if each == fields.get("mode", "predict")), None)
    if mode is None:
        raise InvalidRequest("unknown kind of question", found=fields["mode"], expected=", ".join(get_args(Mode)))
    return Question(
        models=tuple(models),
        text=fields.get("text", ""),
        second=fields.get("second", ""),
        mode=mode,
        lines=() if mode == "predict" else _lines(fields.get("lines", "")),
        several="several" in fields,
        explain="explain" in fields,
        coverage=_coverage(fields.get("coverage", "")),
        truncate="truncate" in fields,
    )


def _lines(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if not found:
        raise InvalidRequest("a list is empty", hint="Write one label, or one document, on each line.")
    if len(found) > MOST_LINES:
        raise InvalidRequest(
            "the list is too long", found=f"{len(found):,} lines", expected=f"at most {MOST_LINES}",
            hint="The API takes longer lists.",
        )  # fmt: skip
    return found


def texts_of(task: Task, question: Question) -> list[Text]:
    """The texts for a model of this task. Raises InvalidRequest if there are too many."""
    if isinstance(task, TextEmbedding):
        return list(_texts_to_embed(question.text))
    if not reads_pairs(task):
        return [question.text]
    if isinstance(task, QuestionAnswering):
        return [Pair(question.second, question.text)]
    return [Pair(question.text, question.second)]


def _texts_to_embed(text: str) -> list[str]:
    """The lines of a text, each one a text of its own."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_VECTORS:
        raise InvalidRequest(
            "too many texts to compare",
            found=f"{len(lines):,} lines",
            expected=f"at most {MOST_VECTORS}",
            hint="Each line is a text. Put a text on one line.",
        )
    return lines or [text]


def _coverage(value: str) -> float | None:
    if not value:
        return None
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not 0.0 < found < 1.0:
        raise InvalidRequest("invalid coverage", found=value, expected="a number between 0 and 1")
    return found

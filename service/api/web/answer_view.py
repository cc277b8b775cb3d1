"""An answer as a page shows it: bars, and parts of the text that are marked in place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from glossator.service.inference.composed.explanation import Explanation
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.text_classification import Classification
from glossator.service.tasks.text_embedding import Embedding
from glossator.service.tasks.text_pair import Rating
from glossator.service.tasks.token_classification import Entities

HUES = 8
_LEVELS = 4
_NUMBERS = 12

Kind = Literal["labels", "entities", "answer", "score", "vector"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: marked with a label and a class of the style sheet, or as it is."""

    text: str
    label: str = ""
    style: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A label, its probability, and whether it was decided on."""

    label: str
    score: float
    chosen: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of one answer."""

    kind: Kind
    bars: Sequence[Bar] = ()
    pieces: Sequence[Piece] = ()
    words: Sequence[Piece] = ()
    """The text with what each part is worth to the first bar's label."""
    note: str = ""


def shown(text: Text, answer: Answer, explanation: Explanation | None) -> Shown:
    """The answer, by its task."""
    prediction = answer.prediction
    if isinstance(prediction, Classification):
        bars = [Bar(each.label, each.score, each.label in prediction.labels) for each in prediction.scores]
        words = _worth(text, explanation) if explanation is not None and isinstance(text, str) else ()
        note = "" if prediction.labels else "No label is probable enough."
        return Shown("labels", bars=bars, words=words, note=note)
    if isinstance(prediction, Entities):
        assert isinstance(text, str)
        kinds = sorted({each.label for each in prediction.entities})
        marks = [
            (each.start, each.end, Piece(each.text, each.label, _hue(kinds.index(each.label)), f"{each.score:.1%}"))
            for each in prediction.entities
        ]  # fmt: skip
        return Shown("entities", pieces=pieces(text, marks), note="" if marks else "Nothing was found.")
    if isinstance(prediction, Extraction):
        assert isinstance(text, Pair)
        best = prediction.answer
        if best is None:
            share = f"{prediction.no_answer_score:.1%}"
            return Shown("answer", pieces=[Piece(text.second)], note=f"The text holds no answer ({share}).")
        mark = (best.start, best.end, Piece(best.text, "answer", "hue-0", f"{best.score:.1%}"))
        return Shown("answer", pieces=pieces(text.second, [mark]))
    if isinstance(prediction, Rating):
        return Shown("score", note=f"{prediction.score:.3f}")
    assert isinstance(prediction, Embedding)
    numbers = ", ".join(f"{value:.4f}" for value in prediction.vector[:_NUMBERS])
    return Shown("vector", note=f"{len(prediction.vector)} numbers: {numbers}, …")


def pieces(text: str, marks: Iterable[tuple[int, int, Piece]]) -> list[Piece]:
    """The text in parts, those that are marked and those between; together they are the whole text."""
    found, begin = [], 0
    for start, end, piece in marks:
        if start > begin:
            found.append(Piece(text[begin:start]))
        found.append(piece)
        begin = end
    if begin < len(text):
        found.append(Piece(text[begin:]))
    return found


def _hue(number: int) -> str:
    return f"hue-{number % HUES}"


def _worth(text: str, explanation: Explanation) -> list[Piece]:
    most = max((abs(each.score) for each in explanation.attributions), default=0.0)
    return pieces(text, [
        (each.start, each.end, Piece(each.text, "", _level(each.score, most), f"{each.score:+.3f}"))
        for each in explanation.attributions
    ])  # fmt: skip


def _level(score: float, most: float) -> str:
    level = round(_LEVELS * abs(score) / most) if most else 0
    return f"{'for' if score > 0 else 'against'}-{level}" if level else ""

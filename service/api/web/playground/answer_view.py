"""An answer as a page shows it: bars for labels, and marked parts of the text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from glossator.service.inference.composed.explanation import Explanation
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_classification import Classification
from glossator.service.tasks.text_embedding import Embedding
from glossator.service.tasks.token_classification import Entities

HUES = 8
_LEVELS = 4
_SHOWN_NUMBERS = 12

Kind = Literal["labels", "entities", "answer", "score", "vector"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: marked with a label and a CSS class, or plain."""

    text: str
    label: str = ""
    style: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A label, its probability, and whether it is assigned."""

    label: str
    score: float
    chosen: bool


@dataclass(frozen=True, slots=True)
class AnswerView:
    """The content of the page for one answer."""

    kind: Kind
    bars: Sequence[Bar] = ()
    pieces: Sequence[Piece] = ()
    words: Sequence[Piece] = ()
    """The text, each part marked by its influence on the label of the first bar."""
    note: str = ""


def view_answer(text: Text, answer: Answer, explanation: Explanation | None) -> AnswerView:
    """The view of an answer, by its task."""
    prediction = answer.prediction
    if isinstance(prediction, Classification):
        bars = [Bar(each.label, each.score, each.label in prediction.labels) for each in prediction.scores]
        words = _mark_influence(text, explanation) if explanation is not None and isinstance(text, str) else ()
        note = "" if prediction.labels else "No label reached its threshold."
        if prediction.out_of_scope:
            note = "Out of scope: this text is unlike those that the model was trained for."
        return AnswerView("labels", bars=bars, words=words, note=note)
    if isinstance(prediction, Entities):
        assert isinstance(text, str)
        kinds = sorted({each.label for each in prediction.entities})
        marks = [
            (each.start, each.end, Piece(each.text, each.label, _hue(kinds.index(each.label)), f"{each.score:.1%}"))
            for each in prediction.entities
        ]
        return AnswerView("entities", pieces=split_text(text, marks), note="" if marks else "No entities found.")
    if isinstance(prediction, Extraction):
        assert isinstance(text, Pair)
        best = prediction.answer
        if best is None:
            share = f"{prediction.no_answer_score:.1%}"
            return AnswerView(
                "answer", pieces=[Piece(text.second)], note=f"The text contains no answer (probability {share})."
            )
        mark = (best.start, best.end, Piece(best.text, "answer", "hue-0", f"{best.score:.1%}"))
        return AnswerView("answer", pieces=split_text(text.second, [mark]))
    if isinstance(prediction, Rating):
        return AnswerView("score", note=f"{prediction.score:.3f}")
    assert isinstance(prediction, Embedding)
    numbers = ", ".join(f"{value:.4f}" for value in prediction.vector[:_SHOWN_NUMBERS])
    return AnswerView("vector", note=f"{len(prediction.vector)} numbers: {numbers}, …")


def split_text(text: str, marks: Iterable[tuple[int, int, Piece]]) -> list[Piece]:
    """The whole text in parts: marked spans and the plain text between them."""
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


def _mark_influence(text: str, explanation: Explanation) -> list[Piece]:
    largest = max((abs(each.score) for each in explanation.attributions), default=0.0)
    return split_text(
        text,
        [
            (each.start, each.end, Piece(each.text, "", _influence_level(each.score, largest), f"{each.score:+.3f}"))
            for each in explanation.attributions
        ],
    )


def _influence_level(score: float, largest: float) -> str:
    level = round(_LEVELS * abs(score) / largest) if largest else 0
    return f"{'for' if score > 0 else 'against'}-{level}" if level else ""

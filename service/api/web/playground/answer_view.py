"""An answer as the page shows it: bars for labels, marked parts of the text, a table of similarities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import shorten
from glossator.service.inference.composed.explanation import Attribution, Explanation
from glossator.service.inference.composed.reranking import RankedDocument, UnrankedDocument
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_classification import DEFAULT_THRESHOLD, Classification, Score, Scores
from glossator.service.tasks.text_embedding import Embedding, cosine_similarities
from glossator.service.tasks.token_classification import Entities

HUES = 8
SHOWN_BARS = 8
"""Further labels are shown on demand, but those that are assigned always."""
_LEVELS = 4
_SHOWN_NUMBERS = 12
_STRONGEST = 10
_SHADES = 8
_MOST_ASSIGNED = 40
_SPOKEN = 3

Kind = Literal["labels", "entities", "answer", "score", "vectors", "ranking"]
Span = tuple[int, int, str]
"""Start, end and label of a marked part, in code points."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: marked with a label and a CSS class, or plain."""

    text: str
    label: str = ""
    style: str = ""
    title: str = ""
    score: float | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """A label, its probability, the probability from which it is assigned if there is one, and whether it is."""

    label: str
    score: float
    chosen: bool
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A type of entity, its CSS class, and how often it occurs."""

    label: str
    style: str
    count: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A similarity and the CSS class of its shade."""

    value: float
    style: str


@dataclass(frozen=True, slots=True)
class AnswerView:
    """The content of the page for one answer."""

    kind: Kind
    bars: Sequence[Bar] = ()
    """All labels, most probable first."""
    shown: int = SHOWN_BARS
    """How many bars are shown at first."""
    pieces: Sequence[Piece] = ()
    legend: Sequence[LegendEntry] = ()
    candidates: Sequence[Piece] = ()
    """The best answers to a question."""
    words: Sequence[Piece] = ()
    """The text, each part marked by its influence on `explained`."""
    strongest: Sequence[Attribution] = ()
    explained: str = ""
    texts: Sequence[str] = ()
    matrix: Sequence[Sequence[Cell]] = ()
    ranking: Sequence[RankedDocument | UnrankedDocument] = ()
    score: float | None = None
    score_range: tuple[float, float] | None = None
    note: str = ""

    @property
    def summary(self) -> str:
        """The answer in a few words, for screen readers."""
        if self.kind == "labels":
            chosen = [f"{shorten(bar.label)} {bar.score:.1%}" for bar in self.bars if bar.chosen]
            return ", ".join(chosen[:_SPOKEN]) or self.note
        if self.kind == "entities":
            return ", ".join(f"{entry.count} {shorten(entry.label)}" for entry in self.legend) or self.note
        if self.kind == "answer":
            return next((shorten(piece.text) for piece in self.pieces if piece.label), self.note)
        if self.kind == "ranking":
            return f"{len(self.ranking)} documents ranked"
        return f"score {self.score:.3f}" if self.score is not None else f"{len(self.texts)} texts read"


def view_answer(text: Text, answer: Answer, task: Task, explanation: Explanation | None = None) -> AnswerView:
    """The view of an answer, by its task."""
    prediction = answer.prediction
    if isinstance(prediction, Classification):
        return _view_labels(text, prediction, task, explanation)
    if isinstance(prediction, Entities):
        assert isinstance(text, str)
        return _view_entities(text, prediction)
    if isinstance(prediction, Extraction):
        assert isinstance(text, Pair)
        return _view_span(text, prediction)
    if isinstance(prediction, Rating):
        assert isinstance(task, Classifier)
        return AnswerView("score", score=prediction.score, score_range=task.score_range)
    assert isinstance(prediction, Embedding)
    assert isinstance(text, str)
    return view_vectors([text], [prediction])


def view_vectors(texts: Sequence[str], vectors: Sequence[Embedding]) -> AnswerView:
    """The similarities of several texts; of one text, the first numbers of its vector."""
    if len(texts) == 1:
        vector = vectors[0].vector
        numbers = ", ".join(f"{value:.4f}" for value in vector[:_SHOWN_NUMBERS])
        note = f"{len(vector)} numbers: {numbers}{', …' if len(vector) > _SHOWN_NUMBERS else ''}"
        return AnswerView("vectors", texts=texts, note=note)
    stacked = np.stack([each.vector for each in vectors])
    similar = cosine_similarities(stacked, stacked)
    return AnswerView(
        "vectors",
        texts=texts,
        matrix=[[Cell(value, _shade(value)) for value in row] for row in similar.tolist()],
        note=f"Cosine similarity of vectors of {stacked.shape[1]} numbers: 1 means the same direction.",
    )


def view_zero_shot(answer: Answer, *, several: bool) -> AnswerView:
    """The scores of labels that the model was not trained on."""
    prediction = answer.prediction
    assert isinstance(prediction, Classification)
    threshold = DEFAULT_THRESHOLD if several else None
    bars = [Bar(each.label, each.score, each.label in prediction.labels, threshold) for each in prediction.scores]
    return AnswerView("labels", bars=bars, shown=len(bars), note="" if prediction.labels else _NONE_ASSIGNED)


_NONE_ASSIGNED = "No label reached its threshold."


def _view_labels(text: Text, prediction: Classification, task: Task, explanation: Explanation | None) -> AnswerView:
    assert isinstance(task, Classifier)
    limits = _thresholds(task)
    assigned = frozenset(prediction.labels)
    bars = [
        Bar(each.label, each.score, each.label in assigned, limits.get(each.label))
        for each in _all_scores(prediction, len(task.labels))
    ]
    last = max((place for place, bar in enumerate(bars[:_MOST_ASSIGNED], start=1) if bar.chosen), default=0)
    note = "" if prediction.labels else _NONE_ASSIGNED
    if prediction.out_of_scope:
        note = "Out of scope: this text is unlike those that the model was trained for."
    view = AnswerView("labels", bars=bars, shown=max(SHOWN_BARS, last), note=note)
    if explanation is None or not isinstance(text, str):
        return view
    strongest = sorted(explanation.attributions, key=lambda each: -abs(each.score))[:_STRONGEST]
    return replace(view, words=_mark_influence(text, explanation), strongest=strongest, explained=explanation.label)


def _all_scores(prediction: Classification, count: int) -> Sequence[Score]:
    scores = prediction.scores
    return scores.best(count) if isinstance(scores, Scores) else scores


def _thresholds(task: Classifier) -> dict[str, float]:
    """The probability from which each label is assigned; empty for tasks with exactly one label."""
    if task.problem_type != "multi_label_classification":
        return {}
    limits = task.calibration.thresholds or [DEFAULT_THRESHOLD] * len(task.labels)
    return dict(zip(task.labels, limits, strict=True))


def _view_entities(text: str, prediction: Entities) -> AnswerView:
    counts = Counter(each.label for each in prediction.entities)
    styles = {label: f"hue-{place % HUES}" for place, label in enumerate(sorted(counts))}
    marks = [
        (
            each.start,
            each.end,
            Piece(
                each.text,
                each.label,
                styles[each.label],
                f"{each.label}, {each.score:.1%}, characters {each.start:,} to {each.end:,}",
                each.score,
                (each.start, each.end, each.label),
            ),
        )
        for each in prediction.entities
    ]
    return AnswerView(
        "entities",
        pieces=split_text(text, marks),
        legend=[LegendEntry(label, style, counts[label]) for label, style in styles.items()],
        note="" if marks else "No entities found.",
    )


def _view_span(text: Pair, prediction: Extraction) -> AnswerView:
    candidates = [
        Piece(each.text, "answer", "hue-0", f"characters {each.start:,} to {each.end:,}", each.score)
        for each in prediction.candidates
    ]
    best = prediction.answer
    if best is None:
        share = f"{prediction.no_answer_score:.1%}"
        note = f"The text contains no answer (probability {share})."
        return AnswerView("answer", pieces=[Piece(text.second)], candidates=candidates, note=note)
    title = f"answer, {best.score:.1%}, characters {best.start:,} to {best.end:,}"
    mark = Piece(best.text, "answer", "hue-0", title, best.score, (best.start, best.end, "answer"))
    return AnswerView("answer", pieces=split_text(text.second, [(best.start, best.end, mark)]), candidates=candidates)


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


def _shade(similarity: float) -> str:
    return f"shade-{round(_SHADES * min(max(similarity, 0.0), 1.0))}"

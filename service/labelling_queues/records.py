"""Labelling queues and their rows, as the store holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from glossator.service.reviews.accuracy.counting import canonical

Kind = Literal["single_label", "multi_label", "entities", "span", "score"]
GOLD: Mapping[Kind, str] = {
    "single_label": "labels",
    "multi_label": "labels",
    "entities": "entities",
    "span": "span",
    "score": "score",
}
"""The one key of a right answer (`Review.gold`) and of a suggestion, by kind."""
Suggestion = Mapping[str, Any]
"""What a model or another tool suggests: one key of `GOLD`; labels and entities are objects that may have a `score`.
`others` may hold more labels with their scores."""


@dataclass(frozen=True, slots=True)
class LabellingQueue:
    """A file that people label.

    `labels`: those to choose from. `new_labels`: whether others are allowed. `model`: the served model that suggests;
    `zero_shot` if it was not trained on the labels. `reviewers`: how many
    each row wants; 1.2 means that every fifth row wants two.
    `usable`: the rows with a text.
    """

    id: str
    title: str
    kind: Kind
    labels: tuple[str, ...]
    new_labels: bool
    text_column: str
    second_column: str | None = None
    model: str | None = None
    zero_shot: bool = False
    reviewers: float = 1.0
    owner: str = ""
    rows: int = 0
    usable: int = 0
    created: float = 0.0
    """Seconds since 1970, by the clock of the store."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file. `number`: its place, from 0. `line`: where it starts in the file.

    `fields`: its other columns. `note`: why a reviewer gets it. `error`: why it has no text to label.
    """

    number: int
    line: int
    text: str
    second: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None
    suggestion: Suggestion | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a queue is. Rows count once however many reviewers answered them.

    `accepted`: answers that are what was suggested, of `suggested` answers to rows with a suggestion.
    """

    done: int
    skipped: int
    mine: int
    reviewers: Sequence[tuple[str, int]]
    accepted: int
    suggested: int


def same_answer(gold: Mapping[str, Any], suggestion: Suggestion) -> bool:
    """Return whether an answer is what was suggested."""
    return canonical_answer(gold) == canonical_answer(plain_answer(suggestion))


def canonical_answer(gold: Mapping[str, Any]) -> list[Any]:
    """Return an answer in a form that is equal for equal answers."""
    return [float(gold["score"])] if "score" in gold else canonical(gold)


def plain_answer(suggestion: Suggestion) -> dict[str, Any]:
    """Return a suggestion as an answer: without the scores and the other labels."""
    if "labels" in suggestion:
        return {"labels": [each["label"] for each in suggestion["labels"]]}
    if "entities" in suggestion:
        names = ("start", "end", "label")
        return {"entities": [{name: each[name] for name in names} for each in suggestion["entities"]]}
    return {name: suggestion[name] for name in ("span", "score") if name in suggestion}

"""Periods, draws and reviews, as the store holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["right", "wrong", "skipped"]
UNDONE = "undone"
"""The verdict of a row that withdraws what a reviewer said before."""
Role = Literal["reviewer", "adjudicator"]
"""An adjudicator decides where reviewers differ: their answer counts."""
Kind = Literal["label", "labels", "entities", "span"]
SERVED = ("labels", "entities", "span")
"""The fields of a logged answer that can be right or wrong."""
FIELDS = ("time", "version", "route", "key", "tokens", "windows", "truncated", "tier", "offset_unit")
"""The other fields of a logged answer that its item keeps: `glossator monitor --slice` divides a period by them."""


@dataclass(frozen=True, slots=True)
class Item:
    """A logged answer. `served` holds its labels, entities or span, as the log does."""

    request: str
    place: int
    sha256: str
    served: Mapping[str, Any]
    confidence: float | None
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Those of `FIELDS` that the record has; empty in periods that an older version of Glossator froze."""

    @property
    def labels(self) -> Sequence[str]:
        """The labels that were given."""
        return self.served.get("labels") or ()

    @property
    def offset_unit(self) -> str:
        """The unit of the offsets in `served`: code points, unless the text to convert them was not logged."""
        return str(self.fields.get("offset_unit", "codepoint"))


@dataclass(frozen=True, slots=True)
class Scheme:
    """What an answer is made of: one label at most, any number of labels, entities, or one span; and the labels."""

    kind: Kind
    labels: tuple[str, ...] = ()
    """The labels of the model; if it was not at hand, those that the log of the period shows."""


@dataclass(frozen=True, slots=True)
class Period:
    """A frozen list of answers of one version of a model, and how they are drawn."""

    id: str
    model: str
    digest: str
    since: str
    """Time of the first answers that belong to it; ISO 8601, UTC."""
    until: str
    created: float
    planned_labels: int
    seed: int
    items: Sequence[Item]
    scheme: Scheme = Scheme("labels")


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer said about an item. `gold`: the labels, entities or span that are right, if given.

    `gold` has one of the keys of `SERVED`: `labels` is a list, `entities` a list of objects with `start`, `end` and
    `label`, `span` an object with `start` and `end`, or None for no answer.
    """

    item: int
    verdict: Verdict
    reviewer: str
    gold: Mapping[str, Any] | None = None
    comment: str | None = None
    made: float = 0.0
    """Seconds since 1970. 0: the clock of the store sets it. It decides nothing: reviews count in stored order."""
    seconds: float | None = None
    """How long the reviewer took, if known."""
    role: Role = "reviewer"


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One stored row: a review, or with `undone` that the reviewer's review was withdrawn."""

    number: int
    """Counts the rows of an item from 0."""
    review: Review
    undone: bool
    author: str
    """Who stored it. An admin may undo the review of another."""

"""Periods, draws and reviews, as the store holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["right", "wrong", "skipped"]
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


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer said about an item. `gold`: the labels, entities or span that are right, if given."""

    item: int
    verdict: Verdict
    reviewer: str
    gold: Mapping[str, Any] | None = None
    comment: str | None = None
    made: float = 0.0
    """Seconds since 1970, by the clock of the store."""

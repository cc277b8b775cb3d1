"""What an answer decides, without scores: whether two versions of a model agree on a text."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any


def decision_of(record: Mapping[str, Any]) -> Hashable | None:
    """Return the decision in a record; equal decisions are equal values. None: it decides nothing (a score, a vector).

    Labels are a set. Entities are equal if all of their places and labels are. A span is its place, or no answer.
    """
    if "entities" in record:
        return frozenset((each["start"], each["end"], each["label"]) for each in record["entities"])
    if "span" in record:
        span = record["span"]
        return ("span",) if span is None else (span["start"], span["end"])
    if "labels" in record:
        return frozenset(record["labels"])
    return None


def disagree(served: Mapping[str, Any], shadow: Mapping[str, Any]) -> bool | None:
    """Return whether two answers to the same text decide differently; None if one of them decides nothing."""
    ours, theirs = decision_of(served), decision_of(shadow)
    return None if ours is None or theirs is None else ours != theirs

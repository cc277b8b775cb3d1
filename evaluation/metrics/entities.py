"""Entities found against entities that are there: counts for each row, scores for each type.

Strict counting follows conlleval (Tjong Kim Sang and Buchholz 2000): an entity is right where its first and its last
character and its type are. The other counts follow SemEval-2013 task 9.1 (Segura-Bedmar et al. 2013): `exact` leaves
out the type, `typed` asks for the type and any overlap, `partial` gives 1 for the same span and half for an overlap.
Each found entity is held against one true one, same spans first, then in the order of the text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.labelled_rows import GoldSpan, Spans
from glossator.service.tasks.token_classification import Entities

Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EntityCounts:
    """For each row, `(rows,)`: how many entities there are, were found, and are right in each sense."""

    gold: Counts
    found: Counts
    strict: Counts
    exact: Counts
    partial: Counts
    typed: Counts


@dataclass(frozen=True, slots=True)
class TypeScore:
    """One type: its true entities (`support`), those found (`predicted`), and how the two meet, strictly."""

    label: str
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float


def count_entities(gold: Sequence[Spans], found: Sequence[Entities]) -> EntityCounts:
    """The counts of each row."""
    rows = [_count_row(spans, _predicted_spans(entities)) for spans, entities in zip(gold, found, strict=True)]
    columns = np.array(rows, dtype=np.float64).reshape(-1, 6).T
    return EntityCounts(*columns)


def score_types(gold: Sequence[Spans], found: Sequence[Entities], types: Sequence[str]) -> tuple[TypeScore, ...]:
    """Strict precision, recall and F1 of each type; 0 where there is nothing to divide by."""
    support, predicted, right = Counter[str](), Counter[str](), Counter[str]()
    for spans, entities in zip(gold, found, strict=True):
        ours = _predicted_spans(entities)
        support.update(span.label for span in spans)
        predicted.update(span.label for span in ours)
        right.update(span.label for span in set(spans) & set(ours))
    return tuple(
        TypeScore(
            label=label,
            support=support[label],
            predicted=predicted[label],
            precision=right[label] / max(1, predicted[label]),
            recall=right[label] / max(1, support[label]),
            f1=2 * right[label] / max(1, support[label] + predicted[label]),
        )
        for label in types
    )


def _predicted_spans(entities: Entities) -> list[GoldSpan]:
    return [GoldSpan(entity.start, entity.end, entity.label) for entity in entities.entities]


def _count_row(gold: Sequence[GoldSpan], found: Sequence[GoldSpan]) -> tuple[float, ...]:
    strict = len(set(gold) & set(found))
    left = list(gold)
    exact = typed = 0
    partial = 0.0
    overlapping = []
    for span in found:
        same = [other for other in left if other[:2] == span[:2]]
        if same:
            best = span if span in same else same[0]
            left.remove(best)
            exact += 1
            partial += 1.0
            typed += best.label == span.label
        else:
            overlapping.append(span)
    for span in overlapping:
        over = [other for other in left if other.start < span.end and span.start < other.end]
        if over:
            best = next((other for other in over if other.label == span.label), over[0])
            left.remove(best)
            partial += 0.5
            typed += best.label == span.label
    return len(gold), len(found), strict, exact, partial, typed

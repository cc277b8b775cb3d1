"""Compares predicted entities with gold entities: counts per row, scores per type.

Strict counting follows conlleval (Tjong Kim Sang and Buchholz 2000): an entity is right if its first and last character
and its type are. The other counts follow SemEval-2013 task 9.1 (Segura-Bedmar et al. 2013): `exact` ignores the type,
`typed` needs the type and any overlap, `partial` counts 1 for the same span and half for an overlap. Each predicted
entity is matched with at most one gold entity, same spans first, then in the order of the text.
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
    """Per row, `(rows,)`: the gold entities, the predicted ones, and those that are right in each sense."""

    gold: Counts
    predicted: Counts
    strict: Counts
    exact: Counts
    partial: Counts
    typed: Counts


@dataclass(frozen=True, slots=True)
class TypeScore:
    """Strict scores of one type. `support` counts its gold entities, `predicted` the predicted ones."""

    label: str
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float


def count_entities(gold: Sequence[Spans], predicted: Sequence[Entities]) -> EntityCounts:
    """Return the counts of each row."""
    rows = [_count_row(spans, _predicted_spans(entities)) for spans, entities in zip(gold, predicted, strict=True)]
    columns = np.array(rows, dtype=np.float64).reshape(-1, 6).T
    return EntityCounts(*columns)


def score_types(gold: Sequence[Spans], predictions: Sequence[Entities], types: Sequence[str]) -> tuple[TypeScore, ...]:
    """Return strict precision, recall and F1 of each type; 0 for 0 divided by 0."""
    support, predicted, right = Counter[str](), Counter[str](), Counter[str]()
    for spans, entities in zip(gold, predictions, strict=True):
        predicted_spans = _predicted_spans(entities)
        support.update(span.label for span in spans)
        predicted.update(span.label for span in predicted_spans)
        right.update(span.label for span in set(spans) & set(predicted_spans))
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


def _count_row(gold: Sequence[GoldSpan], predicted: Sequence[GoldSpan]) -> tuple[float, ...]:
    """Return the numbers of gold, predicted, strict, exact, partial and typed entities."""
    strict = len(set(gold) & set(predicted))
    unmatched = list(gold)
    exact = typed = 0
    partial = 0.0
    overlapping = []
    for span in predicted:
        same = [other for other in unmatched if other[:2] == span[:2]]
        if same:
            best = span if span in same else same[0]
            unmatched.remove(best)
            exact += 1
            partial += 1.0
            typed += best.label == span.label
        else:
            overlapping.append(span)
    for span in overlapping:
        over = [other for other in unmatched if other.start < span.end and span.start < other.end]
        if over:
            best = next((other for other in over if other.label == span.label), over[0])
            unmatched.remove(best)
            partial += 0.5
            typed += best.label == span.label
    return len(gold), len(predicted), strict, exact, partial, typed

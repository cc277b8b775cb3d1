"""What differs between the answers of two models to the same text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from glossator.service.api.web.playground.answer_view import AnswerView, Span
from glossator.service.errors import shorten

_SHOWN_LABELS = 4
_SHOWN_CHARACTERS = 60
_SAME = 0.0005
"""Scores this close are shown with the same digits."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The differences between two views of the same kind.

    `deltas`: for each label of both, the probability of the second minus that of the first.
    """

    is_same: bool
    verdict: str
    detail: str = ""
    deltas: Mapping[str, float] = field(default_factory=dict)
    only_first: frozenset[Span] = frozenset()
    only_second: frozenset[Span] = frozenset()
    removed: frozenset[str] = frozenset()
    """Labels that only the first assigns."""
    added: frozenset[str] = frozenset()


def compare_views(first: AnswerView, second: AnswerView) -> Difference | None:
    """The differences; None for answers of different kinds."""
    if first.kind != second.kind:
        return None
    if first.kind == "labels":
        return _compare_labels(first, second)
    if first.kind in ("entities", "answer"):
        return _compare_spans(first, second)
    if first.score is not None and second.score is not None:
        delta = second.score - first.score
        is_same = abs(delta) < _SAME
        return Difference(is_same, "Same score" if is_same else "Different score", "" if is_same else f"{delta:+.3f}")
    if first.kind == "ranking":
        return _compare_rankings(first, second)
    return _compare_matrices(first, second)


def _compare_labels(first: AnswerView, second: AnswerView) -> Difference:
    before, after = ({bar.label: bar.score for bar in view.bars} for view in (first, second))
    chosen = [[bar.label for bar in view.bars if bar.chosen] for view in (first, second)]
    is_same = set(chosen[0]) == set(chosen[1])
    old, new = (_names(labels) for labels in chosen)
    return Difference(
        is_same,
        "Same answer" if is_same else "Different answer",
        new if is_same else f"{old} → {new}",
        deltas={label: after[label] - before[label] for label in after if label in before},
        removed=frozenset(chosen[0]) - frozenset(chosen[1]),
        added=frozenset(chosen[1]) - frozenset(chosen[0]),
    )


def _names(labels: list[str]) -> str:
    shown = [shorten(label, _SHOWN_CHARACTERS) for label in labels[:_SHOWN_LABELS]]
    more = len(labels) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "") or "no label"


def _compare_spans(first: AnswerView, second: AnswerView) -> Difference:
    before, after = (
        frozenset(piece.span for piece in view.pieces if piece.span is not None) for view in (first, second)
    )
    removed, added = before - after, after - before
    is_same = not removed and not added
    what = "answer" if first.kind == "answer" else "entities"
    counts = f"{len(added)} added, {len(removed)} removed, {len(before & after)} the same"
    return Difference(
        is_same,
        f"{'Same' if is_same else 'Different'} {what}",
        "" if is_same or what == "answer" else counts,
        only_first=removed,
        only_second=added,
    )


def _compare_rankings(first: AnswerView, second: AnswerView) -> Difference:
    is_same = [each.index for each in first.ranking] == [each.index for each in second.ranking]
    return Difference(is_same, "Same order" if is_same else "Different order")


def _compare_matrices(first: AnswerView, second: AnswerView) -> Difference | None:
    if not first.matrix or len(first.matrix) != len(second.matrix):
        return None
    largest = max(
        abs(new.value - old.value)
        for row, other in zip(first.matrix, second.matrix, strict=True)
        for old, new in zip(row, other, strict=True)
    )
    is_same = largest < _SAME
    verdict = "Same similarities" if is_same else "Different similarities"
    return Difference(is_same, verdict, "" if is_same else f"by at most {largest:.3f}")

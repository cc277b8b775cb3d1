"""Open comparisons of two versions: what the reviews show so far, in sentences and as a drawn interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from glossator.service.api.models.promotion_service import Standing
from glossator.service.promotion.verdict import evidence_sentences, names_of

_DIGITS = 12
_WIDTH = 320.0
"""Of the drawing; its numbers are those of the viewBox."""
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""The differences at which the scale may end."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Places on a scale of differences, in units of the viewBox. `end`: the points at the end of the scale."""

    end: str
    low: float
    width: float
    estimate: float | None
    zero: float
    margin: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is known of an open comparison."""

    id: str
    direction: str
    title: str
    candidate: str
    baseline: str
    shown: bool
    sentences: Sequence[str]
    reviewed: int
    needed: int | None
    """About how many reviews decide; None if unknown."""
    waiting: int
    difference: str
    """The interval in words; empty before the first text."""
    margin: str
    drawing: Drawing | None


def comparison_of(standing: Standing) -> Comparison:
    """The view of what is known of a comparison."""
    challenge, evidence = standing.challenge, standing.evidence
    names = names_of(challenge)
    has_texts = evidence.estimate is not None
    low, high = 100 * evidence.interval.low, 100 * evidence.interval.high
    return Comparison(
        id=challenge.id,
        direction=challenge.direction,
        title=f"{names[0].capitalize()} {challenge.candidate[:_DIGITS]} against {names[1]} "
        f"{challenge.baseline[:_DIGITS]}",
        candidate=challenge.candidate,
        baseline=challenge.baseline,
        shown=evidence.shown,
        sentences=[each[:1].upper() + each[1:] for each in evidence_sentences(challenge, evidence)],
        reviewed=evidence.reviewed,
        needed=evidence.needed,
        waiting=standing.waiting,
        difference=f"{low:+.2f} to {high:+.2f} points" if has_texts else "",
        margin=f"{100 * challenge.margin:g} points",
        drawing=_draw(standing) if has_texts else None,
    )


def _draw(standing: Standing) -> Drawing:
    evidence = standing.evidence
    low, high, margin = evidence.interval.low, evidence.interval.high, -standing.challenge.margin
    reach = max(abs(low), abs(high), 2 * abs(margin))
    end = next((each for each in _STEPS if each >= reach), 1.0)

    def place(difference: float) -> float:
        return round(_WIDTH * (max(-end, min(end, difference)) + end) / (2 * end), 1)

    return Drawing(
        end=f"{100 * end:g}",
        low=place(low),
        width=round(place(high) - place(low), 1),
        estimate=None if evidence.estimate is None else place(evidence.estimate),
        zero=place(0.0),
        margin=place(margin),
    )

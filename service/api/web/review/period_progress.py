"""How far the reviews of a period are, and what the next labels buy.

The interval of the accuracy takes a second for long periods, so it is not computed after every review: only when its
last computation took at most a twentieth of the time since.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from glossator.service.api.web.review.queue import Interval, Needed, Progress
from glossator.service.reviews.accuracy.counting import counting_review, current_answers
from glossator.service.reviews.accuracy.live_accuracy import FEWEST_REVIEWS, HALF_WIDTH, live_accuracy
from glossator.service.reviews.accuracy.periods import population_of
from glossator.service.reviews.accuracy.reviewed_draws import reviewed_draws
from glossator.service.reviews.records import Period, Review
from glossator.service.reviews.store import ReviewStore

_ALPHA = 0.05
_LEAST_FACTOR = 20.0
_MOST_PERIODS = 16


@dataclass(frozen=True, slots=True)
class _Figures:
    """What is known about the accuracy. `state`: of the reviews that it was computed from."""

    interval: Interval | None
    needed: int | None
    """How many more labels; None: too few reviews to tell, or no number of labels of this period is enough."""
    is_early: bool
    """Whether there are too few reviews to tell."""
    state: tuple[int, int]
    computed: float
    seconds: float

    @property
    def sentence(self) -> str:
        if self.interval is None:
            return "no reviews yet: the accuracy is not known"
        found = f"interval now ±{self.interval.half_width_points:.1f} points"
        if self.interval.half_width_points <= 100 * HALF_WIDTH:
            return f"{found}: narrow enough"
        points = f"±{100 * HALF_WIDTH:g} points"
        if self.is_early:
            return f"{found}; after {FEWEST_REVIEWS} labels, how many more {points} takes is shown"
        if self.needed is None:
            return f"{found}; more labels of this period do not lead to {points}, a longer period may"
        return f"{found}; about {self.needed:,} more for {points}"


class PeriodProgress:
    """The progress of periods. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, _Figures] = {}

    def of(self, store: ReviewStore, period: Period, reviewer: str) -> Progress:
        """Return how far the reviews of a period are."""
        history, draws = store.history(period.id), store.draws(period.id)
        answers = current_answers(history)
        counting = [counting_review(found) for found in answers.values()]
        figures = self._figures(store, period, (len(history), len(draws)))
        return Progress(
            done=len(answers),
            total=len(set(draws)),
            skipped=sum(each.verdict == "skipped" for each in counting),
            mine=sum(any(each.reviewer == reviewer for each in found) for found in answers.values()),
            sentence=figures.sentence,
            reviewers=count_reviewers([each for found in answers.values() for each in found]),
            interval=figures.interval,
            needed=None if figures.needed is None else Needed(figures.needed, 100 * HALF_WIDTH),
        )

    def _figures(self, store: ReviewStore, period: Period, state: tuple[int, int]) -> _Figures:
        known = self._known.get(period.id)
        if known is not None:
            rested = known.interval is None or time.monotonic() - known.computed > _LEAST_FACTOR * known.seconds
            if known.state == state or not rested or self._lock.locked():
                return known
        with self._lock:
            began = time.monotonic()
            interval, needed, is_early = _compute(store, period)
            now = time.monotonic()
            found = _Figures(interval, needed, is_early, state, now, now - began)
            self._known.pop(period.id, None)
            while len(self._known) >= _MOST_PERIODS:
                self._known.pop(next(iter(self._known)))
            self._known[period.id] = found
            return found


def count_reviewers(reviews: Sequence[Review]) -> list[tuple[str, int]]:
    """Return the reviewers with the number of their reviews, the busiest first."""
    counts: dict[str, int] = {}
    for each in reviews:
        counts[each.reviewer] = counts.get(each.reviewer, 0) + 1
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def adjudication_progress(decided: Sequence[Review], left: int, reviewer: str) -> Progress:
    """Return how far an adjudicator is: the decisions so far, and how many items are left."""
    return Progress(
        done=len(decided),
        total=len(decided) + left,
        skipped=sum(each.verdict == "skipped" for each in decided),
        mine=sum(each.reviewer == reviewer for each in decided),
        sentence=f"{left:,} left to decide" if left else "reviewers agree on everything, or somebody has decided",
        reviewers=count_reviewers(decided),
    )


def _compute(store: ReviewStore, period: Period) -> tuple[Interval | None, int | None, bool]:
    """Return the interval, how many more labels make it narrow, and whether it is too early to tell."""
    estimate = live_accuracy(store, period, alpha=_ALPHA, details=False).estimate
    if estimate.value is None:
        return None, None, True
    interval = Interval(estimate.interval.low, estimate.interval.high)
    is_early = estimate.labels < FEWEST_REVIEWS
    if is_early or interval.half_width_points <= 100 * HALF_WIDTH:
        return interval, None, is_early
    reviewed = reviewed_draws(store, period)
    in_all = population_of(period).labels_needed(reviewed.items, reviewed.correct, half_width=HALF_WIDTH, alpha=_ALPHA)
    return interval, None if in_all is None else max(1, in_all - estimate.labels), False

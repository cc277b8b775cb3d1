"""A timeline: the sums of a model's answers in equal stretches of time, the buckets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from glossator.service.monitoring.timeline.log_slots import Slots
from glossator.service.monitoring.timeline.slots import OTHER, Slot

MOST_BUCKETS = 120
WIDTHS = (60, 300, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400, 604_800, 2_592_000, 31_536_000, 315_360_000)
"""Seconds of a bucket: minutes, hours, days, weeks, 30 days, years."""


class Span(NamedTuple):
    """A time in buckets of equal width, in seconds since 1970."""

    since: int
    until: int
    width: int


class Bucket(NamedTuple):
    """The answers since `start`."""

    start: int
    answers: Slot


def span_of(since: float, until: float, versions: Iterable[Slots] = ()) -> Span:
    """Return the span that covers a time with at most about MOST_BUCKETS buckets, and no finer than the slots in it."""
    fewest = max(1.0, (until - since) / MOST_BUCKETS)
    coarsest = max((each.resolution for each in versions), default=WIDTHS[0])
    width = next((each for each in WIDTHS if each >= fewest and each >= coarsest), WIDTHS[-1])
    begin = int(since // width) * width
    end = max(begin + width, -int(-until // width) * width)
    return Span(begin, end, width)


def buckets_of(versions: Iterable[Slots], span: Span) -> list[Bucket]:
    """Return all buckets of a span, also those without answers. The answers of all given versions are added up."""
    buckets = [Bucket(start, Slot.of("", "")) for start in range(span.since, span.until, span.width)]
    for version in versions:
        for start, slot in version.by_start.items():
            if span.since <= start < span.until:
                buckets[(start - span.since) // span.width].answers.merge(slot)
    return buckets


def total_of(buckets: Iterable[Bucket]) -> Slot:
    """Return the sum of all buckets."""
    total = Slot.of("", "")
    for each in buckets:
        total.merge(each.answers)
    return total


def frequent_labels(total: Slot, count: int) -> list[str]:
    """Return the labels that were given most often, the most frequent first."""
    labels: Counter[str] = Counter(total.statistics.labels)
    labels.pop(OTHER, None)
    return [label for label, _ in sorted(labels.items(), key=lambda each: (-each[1], each[0]))[:count]]

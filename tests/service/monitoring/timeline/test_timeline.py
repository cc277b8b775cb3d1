"""Buckets of a timeline: their width, sums, percentiles and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from glossator.service.monitoring.timeline.log_slots import Slots
from glossator.service.monitoring.timeline.slots import MOST_LABELS, OTHER, Slot
from glossator.service.monitoring.timeline.timeline import buckets_of, frequent_labels, span_of, total_of

DAY = 86_400


def slot(*labels: str, seconds: float = 0.01, **summaries: float) -> Slot:
    found = Slot.of("tickets", "a")
    for label in labels:
        record: dict[str, Any] = {"time": "2026-01-02", "labels": [label], "place": 0, "seconds": seconds}
        found.add(record | {"summaries": summaries}, is_job=False)
    return found


@pytest.mark.parametrize(
    ("seconds", "width", "buckets"), [(3_600, 60, 60), (DAY, 900, 96), (7 * DAY, 7_200, 84), (30 * DAY, 43_200, 60)]
)
def test_the_usual_ranges_have_about_a_hundred_buckets(seconds: int, width: int, buckets: int) -> None:
    span = span_of(100 * DAY, 100 * DAY + seconds)
    assert (span.width, len(buckets_of([], span))) == (width, buckets)


@pytest.mark.parametrize(("since", "until"), [(0.0, 0.0), (5.5, 1e9), (1e9, 1e9 + 0.5), (0.0, 4e9)])
def test_any_range_is_covered_by_few_buckets(since: float, until: float) -> None:
    span = span_of(since, until)
    assert span.since <= since
    assert span.until >= until
    assert 1 <= (span.until - span.since) // span.width <= 122


def test_buckets_are_no_finer_than_the_slots() -> None:
    coarse = Slots("a", {DAY: slot("x")}, 7_200)
    assert span_of(DAY, DAY + 3_600, [coarse]).width == 7_200
    assert span_of(DAY, DAY + 3_600).width == 60


def test_versions_add_up_and_what_is_outside_is_left_out() -> None:
    one = Slots("a", {0: slot("x", tokens=2.0), 60: slot("x", "y", tokens=4.0)}, 60)
    two = Slots("b", {60: slot("y", tokens=6.0), 7_200: slot("z")}, 60)
    buckets = buckets_of([one, two], span_of(0, 3_600))
    assert [each.answers.answers for each in buckets[:3]] == [1, 3, 0]
    assert buckets[1].answers.summaries["tokens"].value == pytest.approx(14 / 3)
    assert frequent_labels(total_of(buckets), 5) == ["x", "y"]


def test_percentiles_are_exact_within_five_percent() -> None:
    times = np.random.default_rng(7).lognormal(-4.0, 1.0, 2_000)
    found = Slot.of("tickets", "a")
    for each in times:
        found.merge(slot("x", seconds=float(each)))
    for share in (0.5, 0.99):
        assert found.percentile(share) == pytest.approx(float(np.quantile(times, share)), rel=0.06)
    assert Slot.of("tickets", "a").percentile(0.5) is None


def test_rare_labels_of_a_slot_count_as_other() -> None:
    found = slot(*[f"label {number}" for number in range(2 * MOST_LABELS)], "usual", "usual")
    found.trim()
    labels = found.statistics.labels
    assert (len(labels), labels["usual"], labels[OTHER]) == (MOST_LABELS + 1, 2, MOST_LABELS + 1)
    assert frequent_labels(found, 2)[0] == "usual"
    assert OTHER not in frequent_labels(found, 500)

"""The figure of live accuracy says what it shows, also as text."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from glossator.evaluation.reports.plots.live_accuracy_plot import AccuracyPoint, live_accuracy_svg

FIRST = AccuracyPoint(
    since="2026-11-01T00:00:00.000000Z",
    until="2026-11-08T00:00:00.000000Z",
    version="a" * 64,
    answers=2_000,
    reviewed=150,
    value=0.93,
    low=0.90,
    high=0.96,
    calibrated=0.94,
)


def text_of(svg: str) -> str:
    return "".join(ElementTree.fromstring(svg).itertext())


def test_periods_intervals_and_versions_are_in_the_figure() -> None:
    second = replace(FIRST, since=FIRST.until, until="2026-11-15T00:00:00.000000Z", version="b" * 64, value=0.86)
    svg = live_accuracy_svg("tickets", [second, FIRST], confidence=0.95)
    text = text_of(svg)
    assert "Accuracy of tickets over time" in text
    assert "2026-11-01T00:00 to 2026-11-08T00:00: 93.0% (90.0% to 96.0%), 150 reviews, 2,000 answers" in text
    assert "95 % interval" in text
    assert "if the confidences are calibrated" in text
    assert "version bbbbbbbb" in text
    assert "version aaaaaaaa" not in text
    assert svg == live_accuracy_svg("tickets", [FIRST, second], confidence=0.95)


@pytest.mark.parametrize("calibrated", [None, 0.5])
def test_a_period_without_reviews_is_said(calibrated: float | None) -> None:
    one = replace(FIRST, value=None, low=0.0, high=1.0, reviewed=0, calibrated=calibrated, until=FIRST.since)
    text = text_of(live_accuracy_svg("<tickets>", [one], confidence=0.9))
    assert "no reviews, 2,000 answers" in text
    assert "Accuracy of <tickets> over time" in text

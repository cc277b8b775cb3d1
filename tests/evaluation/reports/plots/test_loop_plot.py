"""The figure of the closed loop: days, intervals and marks."""

from __future__ import annotations

from xml.etree import ElementTree

from glossator.evaluation.reports.plots.loop_plot import LoopDay, LoopMark, loop_svg

DAYS = [LoopDay(1, 0.9, 0.8, 0.97, 0.92), LoopDay(2, None, 0.0, 1.0, 0.6), LoopDay(3, 0.61, 0.5, 0.7, 0.63)]


def test_the_figure_says_what_it_shows() -> None:
    drawn = loop_svg("A week <of> tickets", DAYS, [LoopMark(1.25, "drift alarm"), LoopMark(3.0, "promoted")])
    root = ElementTree.fromstring(drawn)
    texts = [element.text for element in root.iter() if element.text and element.text.strip()]
    assert "A week <of> tickets" in texts
    assert {"drift alarm", "promoted", "true accuracy"} <= set(texts)
    (description,) = [text for text in texts if "day 2: no reviews, in truth 60.0%" in text]
    assert "day 1.25: drift alarm" in description


def test_the_same_days_give_the_same_bytes() -> None:
    assert loop_svg("a", DAYS, []) == loop_svg("a", DAYS, [])


def test_days_without_reviews_can_be_drawn() -> None:
    assert "<svg" in loop_svg("a", [LoopDay(1, None, 0.0, 1.0, 1.0)], [])

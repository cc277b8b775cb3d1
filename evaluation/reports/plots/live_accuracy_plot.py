"""Draws the accuracy of a deployed model over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from glossator.evaluation.reports.plots.svg_drawing import BLUE, GREY, ORANGE, add_title, render_svg

_FEWEST_SECONDS = 60.0
_WIDTH, _HEIGHT = 8.4, 4.4


@dataclass(frozen=True, slots=True)
class AccuracyPoint:
    """The accuracy of one period, with its interval, in shares. Times are ISO 8601, UTC.

    `value` is None before the first review. `calibrated`: the accuracy if the confidences are calibrated.
    """

    since: str
    until: str
    version: str
    answers: int
    reviewed: int
    value: float | None
    low: float
    high: float
    calibrated: float | None


def live_accuracy_svg(model: str, points: Sequence[AccuracyPoint], *, confidence: float) -> str:
    """Return a plot with a point, its interval and its time for each period, and what the confidences say.

    Args:
        model: The name of the model.
        points: The periods; at least one.
        confidence: The confidence of each interval, 0 to 1.
    """
    return render_svg(lambda: _figure(model, points, confidence))


def _figure(model: str, points: Sequence[AccuracyPoint], confidence: float) -> tuple[Any, str, str]:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, _HEIGHT), facecolor="white")
    axes = figure.add_axes((0.09, 0.12, 0.88, 0.68))
    points = sorted(points, key=lambda each: (each.since, each.until))
    spans = [tuple(map(float, date2num(_span(each)))) for each in points]
    reviewed = [(point, span) for point, span in zip(points, spans, strict=True) if point.value is not None]
    for place, (point, (begin, end)) in enumerate(reviewed):
        axes.fill_between(
            [begin, end],
            [100.0 * point.low] * 2,
            [100.0 * point.high] * 2,
            color=BLUE,
            alpha=0.18,
            linewidth=0,
            label=f"{_level(confidence)} interval" if not place else None,
        )
    axes.plot(
        [begin + (end - begin) / 2 for begin, end in spans],
        [math.nan if point.value is None else 100.0 * point.value for point in points],  # NaN interrupts the line
        color=BLUE,
        marker="o",
        label="reviewed answers",
        zorder=3,
    )
    for place, point in enumerate(points):
        if point.calibrated is not None:
            axes.plot(
                list(spans[place]),
                [100.0 * point.calibrated] * 2,
                color=ORANGE,
                linestyle="--",
                label="if the confidences are calibrated" if point is _first_calibrated(points) else None,
                zorder=2,
            )
    for before, point, (begin, _) in zip(points, points[1:], spans[1:], strict=False):
        if before.version != point.version:
            right = begin - spans[0][0] > 0.8 * (max(end for _, end in spans) - spans[0][0])
            axes.axvline(begin, color=GREY, linestyle=":", linewidth=1.0)
            axes.annotate(
                f"version {point.version[:8]}",
                (begin, 0.02),
                xycoords=("data", "axes fraction"),
                xytext=(-3 if right else 3, 0),
                ha="right" if right else "left",
                textcoords="offset points",
                fontsize=8,
                color=GREY,
            )
    axes.xaxis_date()
    axes.set_ylim(*_limits(points))
    axes.set_ylabel("right answers (%)")
    locator = AutoDateLocator(minticks=3, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.grid(axis="y", color=GREY, alpha=0.2, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(-0.01, 1.0), fontsize=9)
    title = f"Accuracy of {model} over time"
    add_title(figure, title, _HEIGHT)
    lines = "; ".join(map(_sentence, points))
    return figure, title, f"{lines}. Times are UTC; each interval holds with {_level(confidence)} confidence by itself."


def _first_calibrated(points: Sequence[AccuracyPoint]) -> AccuracyPoint:
    return next(each for each in points if each.calibrated is not None)


def _span(point: AccuracyPoint) -> tuple[datetime, datetime]:
    """Return the time of a period without its time zone, which is UTC; at least a minute, so that it can be seen."""
    begin, end = (datetime.fromisoformat(each).replace(tzinfo=None) for each in (point.since, point.until))
    return begin, max(end, begin + timedelta(seconds=_FEWEST_SECONDS))


def _limits(points: Sequence[AccuracyPoint]) -> tuple[float, float]:
    """Return the limits of the vertical axis: what is known with a little space, at least 10 points."""
    values = [each.low for each in points if each.value is not None]
    values += [each.calibrated for each in points if each.calibrated is not None]
    lowest = 100.0 * min(values, default=0.0)
    return max(0.0, 10.0 * ((min(lowest, 90.0) - 1.0) // 10.0)), 100.5


def _sentence(point: AccuracyPoint) -> str:
    found = (
        "no reviews"
        if point.value is None
        else f"{point.value:.1%} ({point.low:.1%} to {point.high:.1%}), {point.reviewed:,} reviews"
    )
    return f"{point.since[:16]} to {point.until[:16]}: {found}, {point.answers:,} answers"


def _level(confidence: float) -> str:
    return f"{100.0 * confidence:g} %"

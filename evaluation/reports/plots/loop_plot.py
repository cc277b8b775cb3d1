"""Draws what the closed loop did over some days: accuracy as reviewed and as it was, alarms, promotions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from glossator.evaluation.reports.plots.svg_drawing import BLUE, GREY, ORANGE, add_title, render_svg

_WIDTH, _HEIGHT = 8.4, 4.8


@dataclass(frozen=True, slots=True)
class LoopDay:
    """One day, from 1 on. `value` is the estimate from reviews with its interval, `accuracy` what is true; shares."""

    day: int
    value: float | None
    low: float
    high: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class LoopMark:
    """Something that happened: the time in days since the beginning, and a few words."""

    day: float
    text: str


def loop_svg(title: str, days: Sequence[LoopDay], marks: Sequence[LoopMark]) -> str:
    """Return a plot with an interval and an estimate for each day, the known accuracy, and a line for each mark."""
    return render_svg(lambda: _figure(title, days, marks))


def _figure(title: str, days: Sequence[LoopDay], marks: Sequence[LoopMark]) -> tuple[Any, str, str]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, _HEIGHT), facecolor="white")
    axes = figure.add_axes((0.09, 0.12, 0.88, 0.66))
    reviewed = [each for each in days if each.value is not None]
    for place, each in enumerate(reviewed):
        axes.fill_between(
            [each.day - 1, each.day],
            [100.0 * each.low] * 2,
            [100.0 * each.high] * 2,
            color=BLUE,
            alpha=0.18,
            linewidth=0,
            label="95 % interval from reviews" if not place else None,
        )
    middles = [each.day - 0.5 for each in days]
    axes.plot(
        [each.day - 0.5 for each in reviewed],
        [100.0 * (each.value or 0.0) for each in reviewed],
        color=BLUE,
        marker="o",
        label="best estimate",
        zorder=3,
    )
    axes.plot(
        middles,
        [100.0 * each.accuracy for each in days],
        color=ORANGE,
        linestyle="--",
        marker="x",
        label="true accuracy",
        zorder=2,
    )
    _draw_marks(axes, marks, len(days))
    lowest = min([100.0 * each.low for each in reviewed] + [100.0 * each.accuracy for each in days], default=0.0)
    axes.set_ylim(max(0.0, 10.0 * ((lowest - 12.0) // 10.0)), 100.5)
    axes.set_xlim(0, max((each.day for each in days), default=1))
    axes.set_xticks(range(0, len(days) + 1, max(1, len(days) // 14)))
    axes.set(xlabel="days", ylabel="right answers (%)")
    axes.grid(axis="y", color=GREY, alpha=0.2, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(-0.01, 1.0), fontsize=9)
    add_title(figure, title, _HEIGHT)
    said = "; ".join(map(_sentence, days))
    happened = "; ".join(f"day {mark.day:.2f}: {mark.text}" for mark in marks)
    return figure, title, f"{said}. {happened}."


def _draw_marks(axes: Any, marks: Sequence[LoopMark], days: int) -> None:
    for place, mark in enumerate(sorted(marks, key=lambda each: each.day)):
        right = mark.day > 0.75 * days
        axes.axvline(mark.day, color=GREY, linestyle=":", linewidth=1.2)
        axes.annotate(
            mark.text,
            (mark.day, 0.02 + 0.055 * (place % 4)),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if right else 4, 0),
            textcoords="offset points",
            ha="right" if right else "left",
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
            zorder=4,
        )


def _sentence(each: LoopDay) -> str:
    found = "no reviews" if each.value is None else f"{each.value:.1%} ({each.low:.1%} to {each.high:.1%})"
    return f"day {each.day}: {found}, in truth {each.accuracy:.1%}"

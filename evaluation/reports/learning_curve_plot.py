"""A learning curve as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from glossator.evaluation.analysis.learning_curve import LearningCurve
from glossator.evaluation.reports.evaluation_plots import BLUE, GREY, ORANGE, add_title, render_svg


def learning_curve_svg(curve: LearningCurve) -> str:
    """Points, the law through them, and the forecasts with their intervals."""
    return render_svg(lambda: _figure(curve))


def _figure(curve: LearningCurve) -> tuple[Any, str, str]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 4.4), facecolor="white")
    axes = figure.add_axes((0.11, 0.15, 0.85, 0.65))
    now = curve.points[-1]
    last = now.rows + curve.forecasts[-1].more
    grid = np.geomspace(curve.points[0].rows, last, 200)
    axes.plot(grid, curve.at(grid), color=GREY, zorder=1, label="the law")
    for point in curve.points:
        axes.plot([point.rows] * len(point.values), point.values, color=BLUE, marker="o", linestyle="", zorder=2)
    level = float(curve.at(np.array([float(now.rows)]))[0])
    rows = [now.rows + each.more for each in curve.forecasts]
    values = [each.value for each in curve.forecasts]
    below = [each.value - min(level + each.low, each.value) for each in curve.forecasts]
    above = [max(level + each.high, each.value) - each.value for each in curve.forecasts]
    axes.errorbar(rows, values, yerr=[below, above], color=ORANGE, marker="D", linestyle="", capsize=3, zorder=3)
    axes.set(xlabel="training rows", ylabel=f"validation {curve.metric}", xscale="log")
    axes.spines[["top", "right"]].set_visible(False)
    title = "What more labels would bring"
    add_title(figure, title, 4.4)
    told = "; ".join(
        f"{each.more:,} further rows: {each.gain:+.4f} ({each.low:+.4f} to {each.high:+.4f})"
        for each in curve.forecasts
    )
    return figure, title, f"{now.rows:,} rows give {now.mean:.4f}. {told}."

"""Draws a learning curve."""

from __future__ import annotations

from typing import Any

import numpy as np

from glossator.evaluation.analysis.learning_curve import LearningCurve
from glossator.evaluation.reports.plots.svg_drawing import BLUE, GREY, ORANGE, add_title, plain_log_ticks, render_svg
from glossator.service.bundle.metric_names import METRIC_NAMES


def learning_curve_svg(curve: LearningCurve) -> str:
    """Return the measured points, the fitted power law, and the predictions with their intervals."""
    return render_svg(lambda: _figure(curve))


def _figure(curve: LearningCurve) -> tuple[Any, str, str]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 4.4), facecolor="white")
    axes = figure.add_axes((0.11, 0.15, 0.85, 0.65))
    now = curve.points[-1]
    last = now.rows + curve.forecasts[-1].more
    grid = np.geomspace(curve.points[0].rows, last, 200)
    axes.plot(grid, curve.value_at(grid), color=GREY, zorder=1, label="power law")
    for point in curve.points:
        axes.plot([point.rows] * len(point.values), point.values, color=BLUE, marker="o", linestyle="", zorder=2)
    rows = [now.rows + each.more for each in curve.forecasts]
    values = [each.value for each in curve.forecasts]
    below = [each.value - min(curve.now + each.low, each.value) for each in curve.forecasts]
    above = [max(curve.now + each.high, each.value) - each.value for each in curve.forecasts]
    axes.errorbar(rows, values, yerr=[below, above], color=ORANGE, marker="D", linestyle="", capsize=3, zorder=3)
    axes.set(xlabel="training rows", ylabel=f"validation {METRIC_NAMES.get(curve.metric, curve.metric)}", xscale="log")
    plain_log_ticks(axes.xaxis)
    axes.spines[["top", "right"]].set_visible(False)
    title = "Predicted gain from more labels"
    add_title(figure, title, 4.4)
    predictions = "; ".join(
        f"{each.more:,} more rows: {each.gain:+.4f} ({each.low:+.4f} to {each.high:+.4f})" for each in curve.forecasts
    )
    return figure, title, f"With {now.rows:,} rows: {curve.now:.4f}. {predictions}."

"""Draws a model selection: the quality of each model over its speed."""

from __future__ import annotations

from typing import Any

from glossator.evaluation.analysis.model_selection import Selection
from glossator.evaluation.reports.plots.svg_drawing import (
    BLUE,
    GREY,
    ORANGE,
    TEXT_COLOUR,
    add_title,
    plain_log_ticks,
    render_svg,
)
from glossator.service.bundle.metric_names import METRIC_NAMES


def selection_svg(selection: Selection) -> str:
    """Return a plot with one point per model, a line through the frontier, and the chosen model marked."""
    return render_svg(lambda: _figure(selection))


def _figure(selection: Selection) -> tuple[Any, str, str]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.8), facecolor="white")
    axes = figure.add_axes((0.11, 0.14, 0.55, 0.66))
    models = [verdict.model for verdict in selection.verdicts]
    frontier = [verdict.model for verdict in selection.verdicts if verdict.on_frontier]
    axes.plot([each.texts_per_second for each in frontier], [each.value for each in frontier], color=GREY, zorder=1)
    for number, model in enumerate(models, start=1):
        chosen = model.name == selection.chosen
        colour = ORANGE if chosen else BLUE
        axes.errorbar(
            [model.texts_per_second],
            [model.value],
            yerr=[[model.value - model.low], [model.high - model.value]],
            color=colour,
            marker="D" if chosen else "o",
            capsize=3,
            zorder=2,
        )
        axes.annotate(
            str(number),
            (model.texts_per_second, model.value),
            xytext=(6, 4),
            textcoords="offset points",
            fontsize=9,
            color=colour,
            fontweight="bold",
        )
        line = f"{number}  {model.name}: {model.value:.3f}, {model.megabytes:.1f} MB" + (
            " (selected)" if chosen else ""
        )
        figure.text(0.69, 0.8 - 0.055 * number, line, fontsize=9, color=ORANGE if chosen else TEXT_COLOUR)
    axes.set(
        xlabel="texts per second on this machine",
        ylabel=f"validation {METRIC_NAMES.get(selection.metric, selection.metric)}",
        xscale="log",
    )
    plain_log_ticks(axes.xaxis)
    axes.spines[["top", "right"]].set_visible(False)
    title = f"Selected model: {selection.chosen}"
    add_title(figure, title, 4.8)
    values = "; ".join(
        f"{model.name} {model.value:.4f} at {model.texts_per_second:,.0f} texts per second" for model in models
    )
    return figure, title, f"{values}. Selected: {selection.chosen}."

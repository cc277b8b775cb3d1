"""Draws a comparison: the difference of each model from the baseline, with its interval, left and right of zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glossator.evaluation.analysis.comparison import Comparison
from glossator.evaluation.reports.plots.svg_drawing import (
    BLUE,
    GREY,
    MAX_NAME_WIDTH,
    ORANGE,
    TEXT_COLOUR,
    add_title,
    names_width,
    render_svg,
)
from glossator.service.bundle.metric_names import METRIC_NAMES
from glossator.service.errors import shorten

_WORDS = {"better": "better", "worse": "worse", "not shown": "no difference found"}


def comparison_svg(comparisons: Sequence[Comparison]) -> str:
    """Return a plot with one line per model: its difference in points, the 95 % interval, the verdict."""
    return render_svg(lambda: _figure(comparisons))


def _figure(comparisons: Sequence[Comparison]) -> tuple[Any, str, str]:
    from matplotlib.figure import Figure

    names = [shorten(each.name, MAX_NAME_WIDTH) for each in comparisons]
    margin = names_width(names, 9.0) + 0.2
    width, height = margin + 6.6, 0.4 * len(names) + 1.6
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((margin / width, 0.6 / height, 4.2 / width, (height - 1.5) / height))
    axes.axvline(0.0, color=GREY, linestyle="--", linewidth=1.0, zorder=1)
    for place, each in enumerate(comparisons):
        value, low, high = (
            100.0 * number for number in (each.difference.value, each.difference.low, each.difference.high)
        )
        colour = {"better": BLUE, "worse": ORANGE, "not shown": GREY}[each.verdict]
        marker = {"better": "D", "worse": "s", "not shown": "o"}[each.verdict]
        spread = [[max(0.0, value - low)], [max(0.0, high - value)]]
        axes.errorbar([value], [place], xerr=spread, color=colour, marker=marker, capsize=4, zorder=2)
        axes.annotate(
            f"{value:+.2f} ({_WORDS[each.verdict]})",
            (1.02, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            color=TEXT_COLOUR,
            annotation_clip=False,
        )
    axes.set_yticks(range(len(names)), names, fontsize=9, parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.15)
    first = comparisons[0]
    metric = METRIC_NAMES.get(first.metric, first.metric)
    axes.set_xlabel(f"worse  ←  points of {metric}  →  better")
    axes.spines[["top", "right", "left"]].set_visible(False)
    title = f"Difference from {shorten(first.baseline, MAX_NAME_WIDTH)}"
    add_title(figure, title, height)
    said = "; ".join(
        f"{each.name} {100 * each.difference.value:+.2f} points ({100 * each.difference.low:+.2f} to "
        f"{100 * each.difference.high:+.2f}), {_WORDS[each.verdict]}"
        for each in comparisons
    )
    return figure, title, f"{said}."

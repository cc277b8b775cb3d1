"""Draws how texts differ from the reference of a model: the distribution of each summary, then and now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glossator.evaluation.reports.plots.svg_drawing import BLUE, GREY, ORANGE, add_title, render_svg

_COLUMNS = 3
_PANEL_WIDTH, _PANEL_HEIGHT = 2.9, 2.3
_MOST_POINTS = 400
"""Points of a curve: quantiles of larger samples."""


@dataclass(frozen=True, slots=True)
class SummaryPanel:
    """One summary: its values in the reference and now, and what is said of them."""

    name: str
    usual: Sequence[float]
    now: Sequence[float]
    distance: float
    low: float
    high: float
    drifted: bool


def drift_svg(title: str, panels: Sequence[SummaryPanel]) -> str:
    """Return a plot with the distribution functions of each summary.

    Args:
        title: The title.
        panels: The summaries; at least one.
    """
    return render_svg(lambda: _figure(title, panels))


def _figure(title: str, panels: Sequence[SummaryPanel]) -> tuple[Any, str, str]:
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    width, height = columns * _PANEL_WIDTH + 0.6, rows * _PANEL_HEIGHT + 1.0
    figure = Figure(figsize=(width, height), facecolor="white")
    for place, panel in enumerate(panels):
        row, column = divmod(place, columns)
        left = (0.55 + column * _PANEL_WIDTH) / width
        bottom = (height - 0.85 - (row + 1) * _PANEL_HEIGHT + 0.45) / height
        axes = figure.add_axes((left, bottom, (_PANEL_WIDTH - 0.5) / width, (_PANEL_HEIGHT - 0.95) / height))
        _draw_panel(axes, panel)
        if not place:
            axes.legend(fontsize=8, frameon=False, loc="lower right")
    add_title(figure, title, height)
    described = "; ".join(
        f"{each.name}: distance {each.distance:.2f} ({each.low:.2f} to {each.high:.2f})"
        f"{', drifted' if each.drifted else ''}"
        for each in panels
    )
    return figure, title, f"Share of the texts with at most each value, in the reference and now. {described}."


def _draw_panel(axes: Any, panel: SummaryPanel) -> None:
    for values, colour, style, name in ((panel.usual, GREY, "--", "reference"), (panel.now, BLUE, "-", "now")):
        if len(values):
            ordered = np.quantile(np.asarray(values), np.linspace(0.0, 1.0, min(len(values), _MOST_POINTS)))
            axes.step(ordered, np.linspace(0.0, 1.0, len(ordered)), where="post", color=colour, ls=style, label=name)
    verdict = f"{panel.distance:.2f} ({panel.low:.2f} to {panel.high:.2f}){', drifted' if panel.drifted else ''}"
    axes.set_title(
        f"{panel.name}\n{verdict}", fontsize=9, loc="left", color=ORANGE if panel.drifted else GREY, parse_math=False
    )
    axes.set_ylim(-0.02, 1.02)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)

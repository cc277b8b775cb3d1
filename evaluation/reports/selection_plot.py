"""A selection as a picture: how good each model is over how fast it is."""

from __future__ import annotations

from typing import Any

from glossator.evaluation.analysis.model_selection import Selection
from glossator.evaluation.reports.evaluation_plots import BLUE, GREY, ORANGE, TEXT_COLOUR, add_title, render_svg


def selection_svg(selection: Selection) -> str:
    """The picture: a point for each model, a line through those that no other beats, the chosen one marked."""
    return render_svg(lambda: _figure(selection))


def _figure(selection: Selection) -> tuple[Any, str, str]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.8), facecolor="white")
    axes = figure.add_axes((0.11, 0.14, 0.55, 0.66))
    rungs = [verdict.rung for verdict in selection.verdicts]
    frontier = [verdict.rung for verdict in selection.verdicts if verdict.on_frontier]
    axes.plot([each.texts_per_second for each in frontier], [each.value for each in frontier], color=GREY, zorder=1)
    for number, rung in enumerate(rungs, start=1):
        chosen = rung.name == selection.chosen
        colour = ORANGE if chosen else BLUE
        axes.errorbar(
            [rung.texts_per_second], [rung.value], yerr=[[rung.value - rung.low], [rung.high - rung.value]],
            color=colour, marker="D" if chosen else "o", capsize=3, zorder=2,
        )  # fmt: skip
        axes.annotate(
            str(number), (rung.texts_per_second, rung.value), xytext=(6, 4), textcoords="offset points",
            fontsize=9, color=colour, fontweight="bold",
        )  # fmt: skip
        told = f"{number}  {rung.name}: {rung.value:.3f}, {rung.megabytes:.1f} MB" + (" (chosen)" if chosen else "")
        figure.text(0.69, 0.8 - 0.055 * number, told, fontsize=9, color=ORANGE if chosen else TEXT_COLOUR)
    axes.set(xlabel="texts a second on this machine", ylabel=f"validation {selection.metric}", xscale="log")
    axes.spines[["top", "right"]].set_visible(False)
    title = f"Which model to take: {selection.chosen}"
    add_title(figure, title, 4.8)
    told = "; ".join(f"{rung.name} {rung.value:.4f} at {rung.texts_per_second:,.0f} texts a second" for rung in rungs)
    return figure, title, f"{told}. Chosen: {selection.chosen}."

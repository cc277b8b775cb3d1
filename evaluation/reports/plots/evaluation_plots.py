"""Draws an evaluation: confusion matrix, reliability diagram, F1 per label, thresholds, text lengths; as SVG text.

Every plot has a title and a description for screen readers. Colours are one hue from light to dark, or differ in
lightness and shape too, so that they can be distinguished in print and without colour vision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.metrics.classification import ClassScore, Confusion, Evaluation
from glossator.evaluation.metrics.entities import TypeScore
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.metrics.task_metrics import TaskEvaluation
from glossator.evaluation.reports.plots.svg_drawing import (
    BLUE,
    GREY,
    LINE_COLOUR,
    MAX_NAME_WIDTH,
    ORANGE,
    TEXT_COLOUR,
    add_title,
    bar_figure,
    names_width,
    render_svg,
)
from glossator.service.bundle.metric_names import METRIC_NAMES
from glossator.service.errors import ConfigError, shorten

MAX_NUMBERED_LABELS = 20
"""With more labels, a confusion matrix shows no numbers; a list of the most frequent confusions replaces them."""
MAX_DRAWN_LABELS = 100
"""Of more labels, only those with the most mistakes are drawn, and the plot says so."""
_MAX_LISTED_CONFUSIONS = 30
_LENGTH_BINS = 40


def confusion_svg(evaluation: Evaluation) -> str:
    """Return the confusion matrix: gold labels down, predicted labels across, shaded by share of the gold label's rows.

    Raises ConfigError for multi-label tasks, which have none.
    """
    return render_svg(lambda: _confusion_figure(evaluation))


def reliability_svg(evaluation: Evaluation) -> str:
    """Return the reliability diagram: accuracy by confidence, above a histogram of the confidences."""
    return render_svg(lambda: _reliability_figure(evaluation))


def class_f1_svg(evaluation: AnyEvaluation) -> str:
    """Return a bar chart of the F1 of each label or entity type, lowest first, at most `MAX_DRAWN_LABELS`."""
    return render_svg(lambda: _class_f1_figure(evaluation))


def thresholds_svg(evaluation: Evaluation) -> str:
    """Return precision and recall as a function of the threshold on the probability."""
    return render_svg(lambda: _thresholds_figure(evaluation))


def lengths_svg(texts: Sequence[str]) -> str:
    """Return a histogram of text lengths in characters, on a logarithmic axis."""
    return render_svg(lambda: _lengths_figure(texts))


def _confusion_figure(evaluation: Evaluation) -> tuple[Any, str, str]:
    from matplotlib.figure import Figure

    if evaluation.confusion is None:
        raise ConfigError(
            "a confusion matrix needs exactly one label per row",
            found=evaluation.problem_type,
            expected="single_label_classification",
            hint="For a multi-label model, use the plot of the F1 of each label.",
        )
    counts = np.array(evaluation.confusion)  # (labels, labels)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    drawn = _most_mistaken(counts)
    names = [shorten(evaluation.labels[i], MAX_NAME_WIDTH) for i in drawn]
    counts, shares = counts[np.ix_(drawn, drawn)], shares[np.ix_(drawn, drawn)]
    numbered = len(drawn) <= MAX_NUMBERED_LABELS
    cell, size = (0.62, 10.0) if numbered else (0.16, 8.0)  # inches and points
    margin = names_width(names, size)
    side = cell * len(drawn)
    list_width = 0.0 if numbered else 6.6
    width, height = max(side + margin + 0.9 + list_width, 4.5), max(side + margin + 1.2, 3.2)
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes(((margin + 0.6) / width, (height - side - 0.8) / height, side / width, side / height))
    _draw_cells(axes, counts, shares, numbers=size if numbered else None)
    ticks = range(len(names))
    # Anchored at its end, a name ends at its tick in any font of the viewer.
    upright: dict[str, Any] = (
        {} if margin <= cell else {"rotation": 90, "rotation_mode": "anchor", "ha": "right", "va": "center"}
    )
    axes.set_xticks(ticks, names, fontsize=size, parse_math=False, **upright)
    axes.set_yticks(ticks, names, fontsize=size, parse_math=False)
    axes.tick_params(length=0, pad=3)
    axes.set_xlabel("predicted", fontsize=11, color=GREY)
    axes.set_ylabel("gold", fontsize=11, color=GREY)
    title = f"Confusion matrix, {evaluation.name}: {evaluation.rows:,} rows"
    note = "" if len(drawn) == len(evaluation.labels) else f", the {len(drawn)} labels with the most mistakes"
    add_title(figure, title + note, height)
    frequent = evaluation.top_confusions(_MAX_LISTED_CONFUSIONS)
    if not numbered:
        _list_confusions(figure, frequent, left=(margin + side + 1.0) / width, height=height)
    worst = "; ".join(f"{each.gold} labelled {each.predicted}: {each.count}" for each in frequent[:10])
    right = evaluation.metrics["accuracy"].value
    return figure, title, f"{right:.1%} of the rows are correct. Most frequent confusions: {worst or 'none'}."


def _draw_cells(axes: Any, counts: NDArray[Any], shares: NDArray[Any], *, numbers: float | None) -> None:
    """Fill the non-empty cells; the shade follows the square root of the share, so that rare mistakes are visible."""
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    rows, columns = np.nonzero(counts)
    shades = 0.12 + 0.88 * np.sqrt(shares[rows, columns])
    cells = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in zip(rows, columns, strict=True)]
    colours = [to_rgba(BLUE, shade) for shade in shades]  # opacity: right on light and on dark paper
    axes.add_collection(PatchCollection(cells, facecolor=colours, edgecolor="white", linewidth=0.4))
    limit = len(counts) - 0.5
    axes.set(xlim=(-0.5, limit), ylim=(limit, -0.5))
    for edge in axes.spines.values():
        edge.set_color(LINE_COLOUR)
    if numbers is None:
        grid = np.arange(4.5, limit, 5)  # a line after every fifth label helps to find the label of a cell
        axes.set_xticks(grid, minor=True)
        axes.set_yticks(grid, minor=True)
        axes.grid(which="minor", color=LINE_COLOUR, linewidth=0.4)
        axes.set_axisbelow(True)
        axes.tick_params(which="minor", length=0)
        return
    for row, column, shade in zip(rows, columns, shades, strict=True):
        ink = "white" if shade > 0.7 else TEXT_COLOUR
        axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", fontsize=numbers, color=ink)


def _list_confusions(figure: Any, confusions: Sequence[Confusion], *, left: float, height: float) -> None:
    """List the most frequent confusions to the right of the matrix, as many as fit."""
    figure.text(left, 1 - 0.95 / height, "Most frequent confusions: rows, gold → predicted", fontsize=11, color=GREY)
    for number, each in enumerate(confusions[: int((height - 1.4) / 0.26)]):
        bottom = 1 - (1.25 + 0.26 * number) / height
        figure.text(left + 0.02, bottom, f"{each.count:,}", ha="right")
        line = f"{shorten(each.gold, 40)} → {shorten(each.predicted, 40)}"
        figure.text(left + 0.025, bottom, line, parse_math=False)


def _most_mistaken(counts: NDArray[Any]) -> list[int]:
    """Return the labels with the most mistakes, in the order of the task."""
    mistakes = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    return sorted(np.argsort(-mistakes, kind="stable")[:MAX_DRAWN_LABELS].tolist())


def _reliability_figure(evaluation: Evaluation) -> tuple[Any, str, str]:
    from matplotlib.figure import Figure

    single = evaluation.confusion is not None
    counted = "rows" if single else "decisions"
    bins = evaluation.bins
    figure = Figure(figsize=(5.6, 6.2), facecolor="white")
    upper = figure.add_axes((0.16, 0.34, 0.80, 0.52))
    lower = figure.add_axes((0.16, 0.09, 0.80, 0.19))
    upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    upper.vlines([b.confidence for b in bins], [b.confidence for b in bins], [b.accuracy for b in bins], color=ORANGE)
    upper.plot([b.confidence for b in bins], [b.accuracy for b in bins], "o", color=BLUE, markersize=6, clip_on=False)
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy" if single else "share of right labels")
    lower.bar(
        [b.low for b in bins],
        [b.count for b in bins],
        width=[b.high - b.low for b in bins],
        align="edge",
        color=BLUE,
        edgecolor="white",
    )
    lower.set(xlim=(0, 1), xlabel="confidence", ylabel=counted, yscale="log")
    lower.set_ylim(bottom=0.5)  # so that a bin with one row has a visible bar
    lower.yaxis.set_major_formatter(lambda count, _: f"{count:,.0f}" if count >= 1 else "")
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    title = f"Reliability, {evaluation.name}: {evaluation.rows:,} rows"
    add_title(figure, title, 6.2)
    mean = "" if single else " (mean over labels; the plot pools all labels)"
    figure.text(0.02, 0.906, f"Expected calibration error {evaluation.ece:.4f}{mean}.", color=GREY, fontsize=9)
    figure.text(0.02, 0.880, "Dashed: perfect calibration. Orange: the gap to it.", color=GREY, fontsize=9)
    points = "; ".join(
        f"confidence {b.confidence:.2f}, accuracy {b.accuracy:.2f} on {b.count:,} {counted}" for b in bins
    )
    return figure, title, f"Expected calibration error {evaluation.ece:.4f}. Bins: {points}."


def _class_f1_figure(evaluation: AnyEvaluation) -> tuple[Any, str, str]:
    of_types = isinstance(evaluation, TaskEvaluation)
    metric, counted = ("f1", "entities") if of_types else ("macro_f1", "rows")
    scores: Sequence[ClassScore | TypeScore] = (
        evaluation.types if isinstance(evaluation, TaskEvaluation) else evaluation.classes
    )
    worst_first = sorted(scores, key=lambda score: (score.f1, -score.support))
    drawn = worst_first[:MAX_DRAWN_LABELS]
    figure, axes, height = bar_figure([score.label for score in drawn], [score.f1 for score in drawn])
    macro, called = evaluation.metrics[metric].value, METRIC_NAMES[metric]
    axes.axvline(macro, color=ORANGE, linestyle="--", linewidth=1.2)
    axes.text(macro, -0.7, f"{called} {macro:.3f}", color=ORANGE, ha="center", va="bottom", fontsize=9)
    for place, score in enumerate(drawn):
        axes.text(1.02, place, f"{score.f1:.2f}", va="center", fontsize=8.5, color=GREY)
        axes.text(1.32, place, f"{score.support:,} {counted}", ha="right", va="center", fontsize=8.5, color=GREY)
    axes.set(xlim=(0, 1), xlabel="F1")
    title = f"F1 of each {'type' if of_types else 'label'}, {evaluation.name}: {evaluation.rows:,} rows"
    add_title(figure, title if len(drawn) == len(worst_first) else f"{title}, the {len(drawn)} lowest", height)
    lowest = "; ".join(f"{score.label} {score.f1:.2f}" for score in drawn[:10])
    return figure, title, f"{called[0].upper()}{called[1:]} {macro:.4f}. Lowest: {lowest}."


def _thresholds_figure(evaluation: Evaluation) -> tuple[Any, str, str]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), facecolor="white")
    axes = figure.add_axes((0.11, 0.14, 0.76, 0.62))
    thresholds = [point.threshold for point in evaluation.curve]
    single = evaluation.confusion is not None
    drawn = (
        ("precision", BLUE, "-", [point.precision for point in evaluation.curve]),
        ("recall", ORANGE, "--", [point.recall for point in evaluation.curve]),
    )
    for name, colour, line, values in drawn:
        axes.plot(thresholds, values, color=colour, linestyle=line)
        axes.annotate(
            name, (thresholds[-1], values[-1]), xytext=(6, 0), textcoords="offset points", va="center", color=colour
        )
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="threshold on the probability")
    axes.spines[["top", "right"]].set_visible(False)
    title = f"Thresholds, {evaluation.name}: {evaluation.rows:,} rows"
    add_title(figure, title, 4.4)
    note = (
        "A row gets its most probable label if that reaches the threshold."
        if single
        else "A row gets every label that reaches the threshold; all labels pooled."
    )
    figure.text(0.02, 0.865, note, color=GREY, fontsize=9)
    shown = [point for point in evaluation.curve if round(point.threshold * 100) in (25, 50, 76, 90)]
    points = "; ".join(
        f"at {point.threshold:.2f} precision {point.precision:.2f}, recall {point.recall:.2f}" for point in shown
    )
    return figure, title, f"{note} {points}."


def _lengths_figure(texts: Sequence[str]) -> tuple[Any, str, str]:
    from matplotlib.figure import Figure

    lengths = np.array([max(1, len(text)) for text in texts])
    edges = np.geomspace(lengths.min(), max(lengths.max(), lengths.min() + 1), _LENGTH_BINS + 1)
    figure = Figure(figsize=(7.0, 3.6), facecolor="white")
    axes = figure.add_axes((0.11, 0.17, 0.86, 0.63))
    axes.hist(lengths, bins=edges.tolist(), color=BLUE, edgecolor="white", linewidth=0.4)
    median = float(np.median(lengths))
    axes.axvline(median, color=ORANGE, linestyle="--", linewidth=1.2)
    axes.text(
        median,
        1.02,
        f"median {median:,.0f}",
        color=ORANGE,
        transform=axes.get_xaxis_transform(),
        ha="center",
        fontsize=9,
    )
    axes.set(xscale="log", xlabel="characters per text", ylabel="rows")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    title = f"Text lengths: {len(lengths):,} rows"
    add_title(figure, title, 3.6)
    low, high = np.quantile(lengths, (0.05, 0.95))
    description = (
        f"The median text has {median:,.0f} characters, 90 % have {low:,.0f} to {high:,.0f}, the longest has "
        f"{lengths.max():,}."
    )
    return figure, title, description

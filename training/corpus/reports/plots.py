"""Plots of a corpus: rows per label, and lengths of texts."""

from __future__ import annotations

from typing import Any

from glossator.evaluation.reports.plots.evaluation_plots import MAX_DRAWN_LABELS, lengths_svg
from glossator.evaluation.reports.plots.svg_drawing import GREY, add_title, bar_figure, render_svg
from glossator.training.corpus.corpus import Corpus


def draw_plots(corpus: Corpus) -> dict[str, str]:
    """SVG plots by name: `labels` if the rows have any, and `lengths`; empty for a corpus without rows."""
    drawn = {"labels": render_svg(lambda: _labels(corpus))} if any(corpus.labels) else {}
    return drawn | {"lengths": lengths_svg(corpus.texts)} if len(corpus) else {}


def _labels(corpus: Corpus) -> tuple[Any, str, str]:
    counts = sorted(corpus.label_counts().items(), key=lambda item: (-item[1], item[0]))
    shown = counts[:MAX_DRAWN_LABELS]
    figure, axes, height = bar_figure([name for name, _ in shown], [float(count) for _, count in shown])
    for position, (_, count) in enumerate(shown):
        axes.text(count, position, f" {count:,}", va="center", fontsize=8.5, color=GREY)
    axes.set_xlabel("rows")
    title = f"Rows per label: {len(corpus):,} rows, {len(counts):,} labels"
    add_title(figure, title if len(shown) == len(counts) else f"{title}, the {len(shown)} largest", height)
    listed = "; ".join(f"{name} {count:,}" for name, count in (*counts[:5], *counts[5:][-5:]))
    return figure, title, f"Largest and smallest: {listed}."

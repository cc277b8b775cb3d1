"""A corpus as pictures: rows of each label, and how long the texts are."""

from __future__ import annotations

from typing import Any

from glossator.evaluation.reports.evaluation_plots import (
    GREY,
    MAX_DRAWN_LABELS,
    add_title,
    bar_figure,
    lengths_svg,
    render_svg,
)
from glossator.training.corpus.corpus import Corpus


def pictures(corpus: Corpus) -> dict[str, str]:
    """SVG pictures by name: `labels` where the rows carry any, `lengths`; none of a corpus without rows."""
    drawn = {"labels": render_svg(lambda: _labels(corpus))} if any(corpus.labels) else {}
    return drawn | {"lengths": lengths_svg(corpus.texts)} if len(corpus) else {}


def _labels(corpus: Corpus) -> tuple[Any, str, str]:
    counts = sorted(corpus.label_counts().items(), key=lambda item: (-item[1], item[0]))
    shown = counts[:MAX_DRAWN_LABELS]
    figure, axes, height = bar_figure([name for name, _ in shown], [float(count) for _, count in shown])
    for place, (_, count) in enumerate(shown):
        axes.text(count, place, f" {count:,}", va="center", fontsize=8.5, color=GREY)
    axes.set_xlabel("rows")
    title = f"Rows of each label: {len(corpus):,} rows, {len(counts):,} labels"
    add_title(figure, title if len(shown) == len(counts) else f"{title}, the {len(shown)} largest", height)
    told = "; ".join(f"{name} {count:,}" for name, count in (*counts[:5], *counts[5:][-5:]))
    return figure, title, f"Largest and smallest: {told}."

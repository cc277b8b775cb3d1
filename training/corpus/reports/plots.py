"""A corpus as pictures: rows of each label, and how long the texts are."""

from __future__ import annotations

from typing import Any

from glossator.evaluation.reports.evaluation_plots import DRAWN_LABELS, QUIET, bars, heading, lengths_svg, to_svg
from glossator.training.corpus.corpus import Corpus


def pictures(corpus: Corpus) -> dict[str, str]:
    """SVG pictures by name: `labels` where the rows carry any, `lengths`; none of a corpus without rows."""
    drawn = {"labels": to_svg(lambda: _labels(corpus))} if any(corpus.labels) else {}
    return drawn | {"lengths": lengths_svg(corpus.texts)} if len(corpus) else {}


def _labels(corpus: Corpus) -> tuple[Any, str, str]:
    counts = sorted(corpus.label_counts().items(), key=lambda item: (-item[1], item[0]))
    shown = counts[:DRAWN_LABELS]
    figure, axes, height = bars([name for name, _ in shown], [float(count) for _, count in shown])
    for place, (_, count) in enumerate(shown):
        axes.text(count, place, f" {count:,}", va="center", fontsize=8.5, color=QUIET)
    axes.set_xlabel("rows")
    title = f"Rows of each label: {len(corpus):,} rows, {len(counts):,} labels"
    heading(figure, title if len(shown) == len(counts) else f"{title}, the {len(shown)} largest", height)
    told = "; ".join(f"{name} {count:,}" for name, count in (*counts[:5], *counts[5:][-5:]))
    return figure, title, f"Largest and smallest: {told}."

"""A corpus as pictures: rows of each label, and how long the texts are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation.plots import BLUE, DRAWN_LABELS, ORANGE, QUIET, bars, heading, to_svg
from training.corpus.corpus import Corpus

_BINS = 40


def pictures(corpus: Corpus) -> dict[str, str]:
    """SVG pictures by name: `labels` where the rows carry any, `lengths`; none of a corpus without rows."""
    drawn = {"labels": to_svg(lambda: _labels(corpus))} if any(corpus.labels) else {}
    return drawn | {"lengths": to_svg(lambda: _lengths(corpus))} if len(corpus) else {}


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


def _lengths(corpus: Corpus) -> tuple[Any, str, str]:
    from matplotlib.figure import Figure

    lengths = np.array([max(1, len(text)) for text in corpus.texts])
    edges = _edges(lengths.tolist())
    figure = Figure(figsize=(7.0, 3.6), facecolor="white")
    axes = figure.add_axes((0.11, 0.17, 0.86, 0.63))
    axes.hist(lengths, bins=edges, color=BLUE, edgecolor="white", linewidth=0.4)
    median = float(np.median(lengths))
    axes.axvline(median, color=ORANGE, linestyle="--", linewidth=1.2)
    axes.text(median, 1.02, f"median {median:,.0f}", color=ORANGE, transform=axes.get_xaxis_transform(), ha="center",
              fontsize=9)  # fmt: skip
    axes.set(xscale="log", xlabel="characters", ylabel="rows")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    title = f"Characters a text: {len(corpus):,} rows"
    heading(figure, title, 3.6)
    low, high = np.quantile(lengths, (0.05, 0.95))
    told = f"Median {median:,.0f}; 90 % of the texts have {low:,.0f} to {high:,.0f}; the longest has {lengths.max():,}."
    return figure, title, told


def _edges(lengths: Sequence[int]) -> list[float]:
    """Edges of bins of equal width on the axis, which is logarithmic."""
    low, high = min(lengths), max(max(lengths), min(lengths) + 1)
    return [float(edge) for edge in np.geomspace(low, high, _BINS + 1)]

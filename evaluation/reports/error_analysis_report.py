"""Error analysis as Markdown: slices, mistakes, changed texts."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.evaluation.analysis.comparison import Comparison
from glossator.evaluation.analysis.error_analysis import ErrorAnalysis
from glossator.evaluation.analysis.slices import Slice
from glossator.evaluation.markdown import code_span, markdown_table
from glossator.evaluation.metrics.metric_names import METRIC_NAMES


def error_analysis_report(details: ErrorAnalysis) -> str:
    """The details as Markdown, each under its heading."""
    parts = [f"### What changed\n\n{details.before}"] if details.before else []
    if details.mistakes:
        lines = [
            f"- {code_span(each.gold)} called {code_span(each.decided)}: {'; '.join(map(code_span, each.texts))}"
            for each in details.mistakes
        ]
        parts += ["### Mistakes as they are", "\n".join(lines)]
    parts += ["### Parts of the rows", slice_table(details.slices)] if details.slices else []
    if details.robustness:
        parts += ["### The same texts written otherwise", robustness_table(details.robustness)]
    return "\n\n".join(parts) + "\n"


def slice_table(found: Sequence[Slice]) -> str:
    """The slices as Markdown: those that are worse, then of the others the lowest."""
    ordered = sorted(found, key=lambda each: (not each.worse, each.right.value))
    shown = [each for each in ordered if each.worse] or ordered[:5]
    worse = sum(each.worse for each in found)
    rows = [
        [each.by, each.value, f"{each.rows:,}", f"{each.right.value:.3f}",
         f"{each.right.low:.3f} to {each.right.high:.3f}", f"{each.elsewhere:.3f}", f"{each.p_corrected:.2g}"]
        for each in shown
    ]  # fmt: skip
    header = ["by", "value", "rows", "right", "95 % interval", "elsewhere", "p, corrected"]
    said = (
        f"{worse} of {len(found)} parts of the rows are worse than the rest"
        if worse
        else f"None of {len(found)} parts of the rows is shown to be worse than the rest; the lowest"
    )
    return f"{said} (Fisher's exact test, corrected by Holm):\n\n{markdown_table(header, rows, right=range(2, 7))}"


def robustness_table(found: Sequence[Comparison]) -> str:
    """The comparisons as a Markdown table, the largest loss first."""
    rows = [
        [each.name, f"{each.value:.4f}", f"{each.difference.value:+.4f}",
         f"{each.difference.low:+.4f} to {each.difference.high:+.4f}", f"{len(each.lost):,}"]
        for each in sorted(found, key=lambda each: each.difference.value)
    ]  # fmt: skip
    metric = METRIC_NAMES.get(found[0].metric, found[0].metric)
    header = ["texts with", metric, "change", "95 % interval", "rows lost"]
    return markdown_table(header, rows, right=range(1, 5))

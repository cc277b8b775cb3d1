"""Writes an error analysis as Markdown: the change since the last run, mistakes, weak slices, robustness."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.evaluation.analysis.comparison import Comparison
from glossator.evaluation.analysis.error_analysis import ErrorAnalysis
from glossator.evaluation.analysis.slices import Slice
from glossator.evaluation.markdown import code_span, markdown_table
from glossator.evaluation.reports.document.report import Section
from glossator.evaluation.reports.document.report_markdown import sections_markdown
from glossator.service.bundle.metric_names import METRIC_NAMES

MAX_SLICES = 5
"""How many slices are shown if none is worse than the rest."""


def error_analysis_report(analysis: ErrorAnalysis) -> str:
    """Return the sections as Markdown."""
    return "\n\n".join(sections_markdown(error_analysis_sections(analysis), level=3)) + "\n"


def error_analysis_sections(analysis: ErrorAnalysis) -> list[Section]:
    """Return one section per part of the analysis that is not empty."""
    sections = []
    if analysis.change_since_last_run:
        sections.append(Section("Change since the last run", analysis.change_since_last_run))
    if analysis.mistakes:
        lines = [
            f"- {code_span(each.gold)} labelled {code_span(each.decided)}: {'; '.join(map(code_span, each.texts))}"
            for each in analysis.mistakes
        ]
        sections.append(Section("Examples of mistakes", "\n".join(lines)))
    if analysis.slices:
        sections.append(Section("Weak slices", slice_table(analysis.slices)))
    if analysis.robustness:
        sections.append(Section("Robustness: the same texts with changes", robustness_table(analysis.robustness)))
    return sections


def slice_table(slices: Sequence[Slice]) -> str:
    """Return the slices that are worse than the rest, or else the weakest ones, and how they were tested."""
    worse = [each for each in slices if each.worse]
    shown = sorted(worse or slices, key=lambda each: each.right.value)
    if worse:
        verb = "is" if len(worse) == 1 else "are"
        result = f"{len(worse)} of {len(slices)} groups of rows (slices) {verb} worse than the rest:"
    else:
        shown = shown[:MAX_SLICES]
        result = f"None of {len(slices)} groups of rows (slices) is measurably worse than the rest. The weakest:"
    rows = [
        [
            each.by,
            each.value,
            f"{each.rows:,}",
            f"{each.right.value:.3f}",
            f"{each.right.low:.3f} to {each.right.high:.3f}",
            f"{each.elsewhere:.3f}",
            f"{each.p_corrected:.2g}",
        ]
        for each in shown
    ]
    header = ["by", "value", "rows", "share right", "95 % interval", "other rows", "p, corrected"]
    return (
        f"{result}\n\n{markdown_table(header, rows, right=range(2, 7))}\n\n"
        "p, corrected: how probable such a weak slice is by chance, given the number of slices (Fisher's exact test, "
        "Holm; see docs/glossary.md)."
    )


def robustness_table(comparisons: Sequence[Comparison]) -> str:
    """Return how each change of the texts affects the metric, the largest loss first."""
    rows = [
        [
            each.name,
            f"{each.value:.4f}",
            f"{each.difference.value:+.4f}",
            f"{each.difference.low:+.4f} to {each.difference.high:+.4f}",
            f"{len(each.lost):,}",
        ]
        for each in sorted(comparisons, key=lambda each: each.difference.value)
    ]
    metric = METRIC_NAMES.get(comparisons[0].metric, comparisons[0].metric)
    header = ["change", metric, "difference", "95 % interval", "newly wrong rows"]
    return markdown_table(header, rows, right=range(1, 5))

"""Builds the report of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from glossator.evaluation.analysis.error_analysis import ErrorAnalysis
from glossator.evaluation.analysis.leakage import RowLeakage
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.reports.builders.evaluation_steps import evaluation_steps
from glossator.evaluation.reports.builders.evaluation_tiles import evaluation_tiles, evaluation_verdict, headline
from glossator.evaluation.reports.cautions import cautions, leakage_line, unchecked_line
from glossator.evaluation.reports.document.report import Figure, Report, Section
from glossator.evaluation.reports.error_analysis_report import error_analysis_sections
from glossator.evaluation.reports.evaluation_report import evaluation_sections
from glossator.evaluation.reports.plain_summary import plain_summary
from glossator.service.files.report_metadata import ReportMetadata

_FIGURES = {
    "confusion": (
        "Confusion matrix",
        "One line for each gold label. A perfect model fills only the diagonal. Each filled cell outside it is a "
        "mistake; the stronger its colour, the more frequent.",
    ),
    "per-class": (
        "F1 of each label",
        "The lowest first. Labels with few rows have uncertain values.",
    ),
    "reliability": (
        "Reliability",
        "Points on the dashed line: the model is right as often as it says. Below it: it is too sure of itself.",
    ),
    "thresholds": (
        "Precision and recall by threshold",
        "Further right, the model answers fewer rows, and more of its answers are right. Choose the threshold here.",
    ),
    "lengths": ("Text lengths", "How long the texts are that the result holds for."),
}
_SECTION_OF = {
    "confusion": "Most frequent confusions",
    "per-class": "Labels, lowest F1 first",
    "reliability": "Calibration and thresholds",
    "thresholds": "Calibration and thresholds",
    "lengths": "Texts",
}
_FOLDED = ("All metrics", "Label sets with a chosen coverage", "Texts", "Robustness: the same texts with changes")


def build_evaluation_report(
    evaluation: AnyEvaluation,
    metadata: ReportMetadata,
    *,
    plots: Mapping[str, str],
    analysis: ErrorAnalysis | None = None,
    leakage: RowLeakage | None = None,
) -> Report:
    """Return the report.

    Args:
        evaluation: The metrics.
        metadata: Title and origin; the headline is filled in.
        plots: SVG by name, as `draw_plots` returns them, and `lengths` for the texts.
        analysis: The errors, if they were analysed.
        leakage: Which rows the model has seen, if that was checked.
    """
    warnings = [leakage_line(leakage)] if leakage is not None and leakage.seen else []
    unchecked = unchecked_line([leakage]) if leakage is not None else ""
    sections = [
        *evaluation_sections(evaluation),
        *([] if analysis is None else error_analysis_sections(analysis)),
        *([Section("What was not checked", unchecked)] if unchecked else []),
    ]
    return Report(
        metadata=replace(metadata, headline=headline(evaluation.metrics)),
        verdict=evaluation_verdict(evaluation, leakage),
        warnings=(*warnings, *cautions(evaluation)),
        summary=plain_summary(evaluation),
        tiles=evaluation_tiles(evaluation, leakage),
        sections=_ordered(_with_figures(sections, plots)),
        next_steps=evaluation_steps(evaluation, analysis, leakage),
    )


def _with_figures(sections: Sequence[Section], plots: Mapping[str, str]) -> list[Section]:
    """Return the sections, each with its plots; plots without a section of their own get one."""
    placed: dict[str, list[Figure]] = {}
    for name, svg in plots.items():
        title, caption = _FIGURES[name]
        placed.setdefault(_SECTION_OF[name], []).append(Figure(name, svg, title, caption))
    found = []
    for section in sections:
        title = "Labels, lowest F1 first" if section.title.startswith("Entity types") else section.title
        found.append(replace(section, figures=tuple(placed.pop(title, ())), folded=section.title in _FOLDED))
    return found + [
        Section(title, figures=tuple(figures), folded=title in _FOLDED) for title, figures in placed.items()
    ]


def _ordered(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Return what a reader needs first on top: confusions, examples, weak slices, labels; folded details last."""
    first = ("Change since the last run", "Most frequent confusions", "Examples of mistakes", "Weak slices")
    rank = {title: place for place, title in enumerate(first)}
    return tuple(sorted(sections, key=lambda each: (each.folded, rank.get(each.title, len(rank)))))

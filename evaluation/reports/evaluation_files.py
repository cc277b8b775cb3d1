"""Turns an evaluation into the contents of report files: JSON and plots."""

from __future__ import annotations

import json

from glossator.evaluation.analysis.error_analysis import ErrorAnalysis
from glossator.evaluation.analysis.leakage import RowLeakage
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.metrics.task_metrics import TaskEvaluation
from glossator.evaluation.reports.plots.evaluation_plots import (
    class_f1_svg,
    confusion_svg,
    reliability_svg,
    thresholds_svg,
)


def draw_plots(evaluation: AnyEvaluation) -> dict[str, str]:
    """Return SVG plots by name.

    A classifier has `per-class`, `reliability`, `thresholds` and, if single-label, `confusion`. Entities have
    `per-class`.
    """
    if isinstance(evaluation, TaskEvaluation):
        return {"per-class": class_f1_svg(evaluation)} if evaluation.types else {}
    plots = {"per-class": class_f1_svg(evaluation), "reliability": reliability_svg(evaluation)}
    plots |= {"thresholds": thresholds_svg(evaluation)} if evaluation.curve else {}
    if evaluation.confusion is not None:
        plots["confusion"] = confusion_svg(evaluation)
    return plots


def evaluation_json(
    evaluation: AnyEvaluation, analysis: ErrorAnalysis | None = None, leakage: RowLeakage | None = None
) -> str:
    """Return one JSON document: the evaluation and, if given, its error analysis and the rows that were seen."""
    fields = {} if leakage is None else {"leakage": leakage.to_dict()}
    fields |= evaluation.to_dict() | ({} if analysis is None else analysis.to_dict())
    return json.dumps(fields, ensure_ascii=False, indent=2, allow_nan=False) + "\n"

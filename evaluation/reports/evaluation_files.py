"""An evaluation as files: its JSON, its report in words, its pictures."""

from __future__ import annotations

import json

from glossator.evaluation.analysis.error_analysis import ErrorAnalysis
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.metrics.task_metrics import TaskEvaluation
from glossator.evaluation.reports.evaluation_plots import class_f1_svg, confusion_svg, reliability_svg, thresholds_svg


def draw_plots(evaluation: AnyEvaluation) -> dict[str, str]:
    """SVG pictures by name: `per-class`, `reliability`, `thresholds`, and for single-label `confusion`; for entities
    `per-class`."""
    if isinstance(evaluation, TaskEvaluation):
        return {"per-class": class_f1_svg(evaluation)} if evaluation.types else {}
    drawn = {"per-class": class_f1_svg(evaluation), "reliability": reliability_svg(evaluation)}
    drawn |= {"thresholds": thresholds_svg(evaluation)} if evaluation.curve else {}
    if evaluation.confusion is not None:
        drawn["confusion"] = confusion_svg(evaluation)
    return drawn


def evaluation_json(evaluation: AnyEvaluation, details: ErrorAnalysis | None = None) -> str:
    """The evaluation as a JSON document, with what lies below it."""
    fields = evaluation.to_dict() | ({} if details is None else details.to_dict())
    return json.dumps(fields, ensure_ascii=False, indent=2, allow_nan=False) + "\n"

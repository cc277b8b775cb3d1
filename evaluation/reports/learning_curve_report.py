"""Writes a learning curve as Markdown."""

from __future__ import annotations

from glossator.evaluation.analysis.learning_curve import LearningCurve
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.reports.document.report import Section
from glossator.evaluation.reports.document.report_markdown import sections_markdown
from glossator.service.bundle.metric_names import METRIC_NAMES


def learning_curve_report(curve: LearningCurve) -> str:
    """Return the predicted gain from more labels, the fitted power law and the measured points."""
    prediction, *others = learning_curve_sections(curve)
    parts = ["# Predicted gain from more labels", prediction.body, *sections_markdown(others, level=2)]
    return "\n\n".join(parts) + "\n"


def learning_curve_sections(curve: LearningCurve) -> list[Section]:
    """Return the predictions, then the measured points."""
    last = curve.points[-1]
    metric = METRIC_NAMES.get(curve.metric, curve.metric)
    predictions = markdown_table(
        ["training rows", metric, "gain", "95 % interval of the gain"],
        [
            [f"{last.rows:,} (now)", f"{curve.now:.4f}", "", ""],
            *(
                [
                    f"{last.rows + each.more:,} (+{each.more:,})",
                    f"{each.value:.4f}",
                    f"{round(each.value, 4) - round(curve.now, 4):+.4f}",
                    f"{each.low:+.4f} to {each.high:+.4f}",
                ]
                for each in curve.forecasts
            ),
        ],
    )
    points = markdown_table(
        ["training rows", f"mean {metric}", "repeats"],
        [
            [f"{point.rows:,}", f"{point.mean:.4f}", ", ".join(f"{value:.4f}" for value in point.values)]
            for point in curve.points
        ],
    )
    return [
        Section(
            "Predictions",
            f"The {metric} on {curve.validation_rows:,} validation rows, by a power law fitted to all measured points:"
            f"\n\n{predictions}\n\n"
            f"Fitted power law: error = {curve.floor:.4f} + {curve.scale:.4g} * rows ^ -{curve.power:.3f}\n\n"
            "The prediction holds for more rows of the same kind, labelled in the same way.",
        ),
        Section("Measured points", f"They scatter around the law:\n\n{points}"),
    ]

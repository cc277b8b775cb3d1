"""Writes a learning curve as Markdown."""

from __future__ import annotations

from glossator.evaluation.analysis.learning_curve import LearningCurve
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.metrics.metric_names import METRIC_NAMES


def learning_curve_report(curve: LearningCurve) -> str:
    """Return the predicted gain from more labels, the fitted power law and the measured points."""
    now = curve.points[-1]
    metric = METRIC_NAMES.get(curve.metric, curve.metric)
    lines = [
        "# Predicted gain from more labels",
        "",
        f"With {now.rows:,} training rows, {metric} on {curve.validation_rows:,} validation rows is {now.mean:.4f}.",
        "",
        markdown_table(
            ["more rows", f"predicted {metric}", "gain", "95 % interval"],
            [
                [f"+{each.more:,}", f"{each.value:.4f}", f"{each.gain:+.4f}", f"{each.low:+.4f} to {each.high:+.4f}"]
                for each in curve.forecasts
            ],
        ),
        "",
        f"Fitted power law: error = {curve.floor:.4f} + {curve.scale:.4g} * rows ^ -{curve.power:.3f}",
        "",
        "Measured points:",
        "",
        markdown_table(
            ["training rows", f"mean {metric}", "repeats"],
            [
                [f"{point.rows:,}", f"{point.mean:.4f}", ", ".join(f"{value:.4f}" for value in point.values)]
                for point in curve.points
            ],
        ),
        "",
        "The prediction holds for more rows of the same kind, labelled in the same way.",
    ]
    return "\n".join(lines) + "\n"

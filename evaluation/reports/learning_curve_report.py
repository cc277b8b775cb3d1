"""Writes a learning curve as Markdown."""

from __future__ import annotations

from glossator.evaluation.analysis.learning_curve import LearningCurve
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.metrics.metric_names import METRIC_NAMES


def learning_curve_report(curve: LearningCurve) -> str:
    """Return the predicted gain from more labels, the fitted power law and the measured points."""
    last = curve.points[-1]
    metric = METRIC_NAMES.get(curve.metric, curve.metric)
    lines = [
        "# Predicted gain from more labels",
        "",
        f"The {metric} on {curve.validation_rows:,} validation rows, by a power law fitted to all measured points:",
        "",
        markdown_table(
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
        ),
        "",
        f"Fitted power law: error = {curve.floor:.4f} + {curve.scale:.4g} * rows ^ -{curve.power:.3f}",
        "",
        "Measured points, which scatter around the law:",
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

"""A learning curve as Markdown."""

from __future__ import annotations

from glossator.evaluation.analysis.learning_curve import LearningCurve
from glossator.evaluation.markdown import markdown_table


def learning_curve_report(curve: LearningCurve) -> str:
    """The curve in words and tables."""
    now = curve.points[-1]
    lines = [
        "# What more labels would bring",
        "",
        f"With {now.rows:,} training rows the {curve.metric} is {now.mean:.4f}, on {curve.validation_rows:,} others.",
        "",
        markdown_table(
            ["further rows", f"{curve.metric} then", "gain", "95 % interval"],
            [
                [f"+{each.more:,}", f"{each.value:.4f}", f"{each.gain:+.4f}", f"{each.low:+.4f} to {each.high:+.4f}"]
                for each in curve.forecasts
            ],
        ),
        "",
        f"The law: error = {curve.floor:.4f} + {curve.scale:.4g} * rows ^ -{curve.power:.3f}, through",
        "",
        markdown_table(
            ["training rows", curve.metric, "repeats"],
            [
                [f"{point.rows:,}", f"{point.mean:.4f}", ", ".join(f"{value:.4f}" for value in point.values)]
                for point in curve.points
            ],
        ),
        "",
        "It holds for more rows of the same kind, labelled the same way.",
    ]
    return "\n".join(lines) + "\n"

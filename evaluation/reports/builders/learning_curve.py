"""Builds the report of a learning curve."""

from __future__ import annotations

from dataclasses import replace

from glossator.evaluation.analysis.learning_curve import Forecast, LearningCurve
from glossator.evaluation.reports.document.report import Figure, Report, Step, Tile, Verdict
from glossator.evaluation.reports.learning_curve_report import learning_curve_sections
from glossator.evaluation.reports.plots.learning_curve_plot import learning_curve_svg
from glossator.service.bundle.metric_names import METRIC_NAMES
from glossator.service.files.report_metadata import ReportMetadata

WORTH = 0.005
"""A smaller gain of the metric is not worth a thousand labels."""


def build_learning_curve_report(curve: LearningCurve, metadata: ReportMetadata) -> Report:
    """Return the report."""
    predictions, points = learning_curve_sections(curve)
    plot = Figure(
        "curve",
        learning_curve_svg(curve),
        "Learning curve",
        "Circles are measured, diamonds are predicted with their 95 % interval; the line is the fitted law.",
    )
    metric, last = METRIC_NAMES.get(curve.metric, curve.metric), curve.forecasts[-1]
    return Report(
        metadata=replace(metadata, headline=f"{100 * last.gain:+.1f} points with {last.more:,} more rows"),
        verdict=_verdict(last, metric),
        tiles=(
            Tile(
                f"{metric[:1].upper()}{metric[1:]} now",
                f"{100 * curve.now:.1f} %",
                f"{curve.points[-1].rows:,} training rows",
                f"on {curve.validation_rows:,} validation rows",
            ),
            *map(_tile, curve.forecasts),
        ),
        sections=(replace(predictions, figures=(plot,)), replace(points, folded=True)),
        next_steps=_steps(last),
    )


def _tile(each: Forecast) -> Tile:
    return Tile(
        f"With {each.more:,} more rows",
        f"{100 * each.gain:+.1f} points",
        f"95 % interval {100 * each.low:+.1f} to {100 * each.high:+.1f}",
        f"to {100 * each.value:.1f} %",
    )


def _verdict(last: Forecast, metric: str) -> Verdict:
    gain = f"{last.more:,} more rows are predicted to change the {metric} by {100 * last.gain:+.1f} points"
    if last.low > 0 and last.gain >= WORTH:
        return Verdict("good", f"more labels help: {gain}.")
    if last.high < WORTH:
        return Verdict("caution", f"more labels of the same kind will hardly help: {gain}.")
    return Verdict("neutral", f"{gain}, but the interval is wide.")


def _steps(last: Forecast) -> tuple[Step, ...]:
    if last.low > 0 and last.gain >= WORTH:
        return (
            Step(
                "Label more rows, and let the model choose which.",
                "The rows that the model is unsure of teach it more than random ones.",
                "glossator suggest --help",
            ),
        )
    better = Step(
        "Look for wrong labels.",
        "If more rows do not help, labels that contradict one another may be the limit.",
        "glossator wrangle FILE --label-errors",
    )
    stronger = Step(
        "Try a stronger model.", "Another algorithm may use the same rows better.", "glossator select --help"
    )
    if last.high < WORTH:
        return (better, stronger)
    return (
        Step("Label a few hundred rows and measure again.", "The interval is too wide to decide by."),
        stronger,
    )

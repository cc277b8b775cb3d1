"""Builds the report of a comparison of models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from glossator.evaluation.analysis.comparison import Comparison
from glossator.evaluation.analysis.leakage import RowLeakage
from glossator.evaluation.markdown import code_span
from glossator.evaluation.metrics.model_answers import ModelAnswers
from glossator.evaluation.reports.builders.evaluation_tiles import metric_value
from glossator.evaluation.reports.cautions import leakage_line, unchecked_line
from glossator.evaluation.reports.comparison_report import comparison_sections, unknown_labels, verdict_text
from glossator.evaluation.reports.document.report import Figure, Judgement, Report, Section, Step, Tile, Verdict
from glossator.evaluation.reports.plots.comparison_plot import comparison_svg
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.bundle.metric_names import METRIC_NAMES
from glossator.service.files.report_metadata import ReportMetadata

_JUDGEMENTS: dict[str, Judgement] = {"better": "good", "worse": "bad", "not shown": "neutral"}
_MAX_MODELS = 4
_SMALL_DIFFERENCE = 0.002
"""A smaller measured difference is not worth the test rows that would confirm it."""


def build_comparison_report(
    rows: LabelledRows,
    answers: Sequence[ModelAnswers],
    comparisons: Sequence[Comparison],
    leakages: Sequence[RowLeakage],
    metadata: ReportMetadata,
) -> Report:
    """Return the report; `answers` and `leakages` are those of the baseline first, then of each compared model."""
    figures, *examples = comparison_sections(rows, answers, comparisons)
    unchecked = unchecked_line(leakages)
    plot = Figure(
        "comparison",
        comparison_svg(comparisons),
        "Difference from the baseline",
        "Each line is a 95 % interval. If it crosses zero, chance can explain the difference.",
    )
    best = max(comparisons, key=lambda each: each.difference.value)
    return Report(
        metadata=replace(metadata, headline=f"{best.difference.value * 100:+.2f} points of {_metric(best)}"),
        verdict=_verdict(best, len(comparisons)),
        warnings=(
            *(line for each in leakages if (line := leakage_line(each, name_model=True))),
            *unknown_labels(rows, answers[0]),
        ),
        tiles=comparison_tiles(comparisons),
        sections=(
            Section("Verdicts", "\n\n".join(map(verdict_text, comparisons)), (plot,)),
            *examples,
            *([Section("What was not checked", unchecked)] if unchecked else []),
            replace(figures, folded=True),
        ),
        next_steps=comparison_steps(comparisons, leakages),
    )


def comparison_tiles(comparisons: Sequence[Comparison]) -> tuple[Tile, ...]:
    """Return the baseline and each model; for one model, also what the difference means in rows."""
    first = comparisons[0]
    tiles = [Tile("Baseline", metric_value(first.metric, first.baseline_value), _metric(first), f"by {first.baseline}")]
    for each in comparisons[:_MAX_MODELS]:
        value = metric_value(each.metric, each.value)
        tiles.append(Tile("Compared", value, _metric(each), f"by {each.name}", _JUDGEMENTS[each.verdict]))
    if len(comparisons) == 1:
        low, high = 100 * first.difference.low, 100 * first.difference.high
        tiles += [
            Tile(
                "Difference",
                f"{100 * first.difference.value:+.2f} points",
                f"95 % interval {low:+.2f} to {high:+.2f}",
                _chance(first.p_corrected),
            ),
            Tile(
                "Rows that changed",
                f"+{len(first.gained):,} / -{len(first.lost):,}",
                f"of {first.rows:,}",
                "rows that only the compared model gets right, and that only the baseline gets right",
            ),
        ]
    tiles.append(
        Tile(
            "Smallest visible difference",
            f"{100 * first.detectable:.1f} points",
            "",
            "a smaller true difference is probably not seen with these rows",
        )
    )
    return tuple(tiles)


def comparison_steps(comparisons: Sequence[Comparison], leakages: Sequence[RowLeakage] = ()) -> tuple[Step, ...]:
    """Return what to do with the compared models."""
    steps = []
    seen = [each for each in leakages if each.seen]
    if seen:
        steps.append(
            Step(
                "Compare again on rows that no model has seen.",
                f"{', '.join(code_span(each.model) for each in seen)} saw some of these rows in training.",
            )
        )
    best = max(comparisons, key=lambda each: each.difference.value)
    if best.verdict == "better":
        steps.append(
            Step(
                f"Use {code_span(best.name)} instead of {code_span(best.baseline)}.",
                "It is better, and chance is an unlikely explanation. With a registry, register it as challenger and "
                "promote it.",
                "glossator promote --help",
            )
        )
    elif best.verdict == "worse":
        steps.append(
            Step(
                f"Keep {code_span(best.baseline)}.",
                "Every compared model is worse. Read the rows that only the baseline gets right: they say what is "
                "missing.",
            )
        )
    else:
        steps += _undecided(best)
    if best.lost and best.verdict != "worse":
        steps.append(
            Step(
                f"Read the {len(best.lost):,} rows that {code_span(best.name)} newly gets wrong.",
                "A better average can hide a mistake that costs more than the others.",
            )
        )
    return tuple(steps)


def _undecided(best: Comparison) -> list[Step]:
    size = abs(best.difference.value)
    if best.non_inferior:
        return [
            Step(
                f"Choose {code_span(best.name)} if it is faster or cheaper.",
                f"It is shown to be at most {100 * (best.margin or 0.0):g} points worse.",
            )
        ]
    choice = Step(
        "Choose by speed, size or cost.",
        "No difference in quality is shown, so it should not decide.",
        "glossator bench --help",
    )
    if size < _SMALL_DIFFERENCE:
        return [choice]
    needed = best.rows * (best.detectable / size) ** 2
    unit = 10 ** max(0, math.floor(math.log10(needed)) - 1)
    return [
        Step(
            f"Label about {math.ceil(needed / unit) * unit:,} test rows in all if the difference matters.",
            f"These {best.rows:,} rows show differences of {100 * best.detectable:.1f} points; the one measured is "
            f"{100 * size:.1f}.",
        ),
        choice,
    ]


def _verdict(best: Comparison, models: int) -> Verdict:
    name, baseline = code_span(best.name), code_span(best.baseline)
    points = f"{100 * abs(best.difference.value):.1f} points of {_metric(best)}"
    if best.verdict == "better":
        return Verdict("good", f"{name} is better than {baseline} by {points}.")
    if best.verdict == "worse":
        subject = "every compared model" if models > 1 else name
        return Verdict("bad", f"{subject} is worse than {baseline}; the closest by {points}.")
    return Verdict("neutral", f"these rows show no difference between {name} and {baseline}.")


def _metric(each: Comparison) -> str:
    return METRIC_NAMES.get(each.metric, each.metric)


def _chance(p_value: float) -> str:
    if p_value < 0.05:
        return f"chance is an unlikely explanation (p = {p_value:.2g})"
    return f"chance can explain it (p = {p_value:.2g})"

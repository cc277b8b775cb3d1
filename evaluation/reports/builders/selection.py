"""Builds the report of a model selection."""

from __future__ import annotations

from dataclasses import replace

from glossator.evaluation.analysis.model_selection import Selection
from glossator.evaluation.markdown import code_span
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.reports.builders.evaluation_steps import evaluation_steps
from glossator.evaluation.reports.builders.evaluation_tiles import headline, metric_tile, percent
from glossator.evaluation.reports.cautions import cautions
from glossator.evaluation.reports.document.report import Figure, Report, Section, Step, Tile, Verdict
from glossator.evaluation.reports.evaluation_report import evaluation_sections
from glossator.evaluation.reports.plain_summary import plain_summary
from glossator.evaluation.reports.plots.selection_plot import selection_svg
from glossator.evaluation.reports.selection_report import choice_text, selection_sections
from glossator.service.bundle.metric_names import METRIC_NAMES
from glossator.service.files.report_metadata import ReportMetadata

_MAX_STEPS = 4


def build_selection_report(selection: Selection, test: AnyEvaluation, metadata: ReportMetadata) -> Report:
    """Return the report; `test` is the evaluation of the selected model on rows that the selection did not use."""
    models, *others = selection_sections(selection)
    plot = Figure(
        "frontier",
        selection_svg(selection),
        "Quality over speed",
        "Better models are higher, faster ones further right. The grey line joins those that no other model beats in "
        "both; the selected one is a diamond.",
    )
    return Report(
        metadata=replace(metadata, headline=headline(test.metrics)),
        verdict=Verdict("good", choice_text(selection).replace("**", "`")),
        warnings=tuple(cautions(test)),
        tiles=_tiles(selection, test),
        summary=f"On the {test.name} rows: {plain_summary(test)}",
        sections=(
            replace(models, figures=(plot,)),
            *others,
            *(
                Section(f"{each.title} ({test.name} rows)", each.body, folded=True)
                for each in evaluation_sections(test)
            ),
        ),
        next_steps=_steps(selection, test),
    )


def _tiles(selection: Selection, test: AnyEvaluation) -> tuple[Tile, ...]:
    chosen = next(each.model for each in selection.verdicts if each.model.name == selection.chosen)
    metric = METRIC_NAMES.get(selection.metric, selection.metric)
    name, estimate = next(iter(test.metrics.items()))
    tested = metric_tile(name, estimate)
    return (
        Tile("Selected", chosen.name, "", f"of {len(selection.verdicts)} tried"),
        replace(tested, label=f"{tested.label}, {test.name} rows"),
        Tile(
            f"Validation {metric}",
            percent(chosen.value),
            f"95 % interval {100 * chosen.low:.1f} to {percent(chosen.high)}",
            "used to choose, so a little too good",
        ),
        Tile(
            "Speed",
            f"{chosen.texts_per_second:,.0f} texts/s",
            f"{chosen.latency_ms:.2f} ms per text",
            "on this machine",
        ),
        Tile("Size", f"{chosen.megabytes:.1f} MB", f"trained in {chosen.train_minutes:.1f} min"),
    )


def _steps(selection: Selection, test: AnyEvaluation) -> tuple[Step, ...]:
    steps = [
        Step(
            "Serve the selected model.",
            "Its bundle is in the folder `model` next to this report.",
            "glossator serve model",
        )
    ]
    best = next(each.model for each in selection.verdicts if each.model.name == selection.best)
    if selection.chosen != selection.best:
        chosen = next(each.model for each in selection.verdicts if each.model.name == selection.chosen)
        steps.append(
            Step(
                f"Take {code_span(best.name)} instead only if every point counts.",
                f"It measured {100 * (best.value - chosen.value):.1f} points better at "
                f"{best.texts_per_second:,.0f} instead of {chosen.texts_per_second:,.0f} texts/s.",
            )
        )
    outside = [each for each in selection.verdicts if each.against_best is None]
    if outside:
        names = ", ".join(code_span(each.model.name) for each in outside)
        steps.append(Step("Check whether the budget is right.", f"It rules out {names}."))
    return (*steps, *evaluation_steps(test)[: _MAX_STEPS - len(steps)])

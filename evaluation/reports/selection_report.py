"""Writes a model selection as Markdown."""

from __future__ import annotations

from glossator.evaluation.analysis.model_selection import Selection
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.reports.document.report import Section
from glossator.evaluation.reports.document.report_markdown import sections_markdown
from glossator.service.bundle.metric_names import METRIC_NAMES


def selection_report(selection: Selection) -> str:
    """Return the selected model, the figures of every tried model, and why each was selected or not."""
    parts = [f"# Selected model: {selection.chosen}", choice_text(selection)]
    models, *others = selection_sections(selection)
    parts += [models.body, *sections_markdown(others, level=2)]
    return "\n\n".join(parts) + "\n"


def selection_sections(selection: Selection) -> list[Section]:
    """Return the figures of every tried model with the reasons, then what was not tried."""
    columns = [
        "algorithm",
        f"validation {METRIC_NAMES.get(selection.metric, selection.metric)} (95 % interval)",
        "texts/s",
        "ms per text",
        "MB",
        "training min",
        "frontier",
        "selected",
    ]
    rows = [
        [
            verdict.model.name,
            f"{verdict.model.value:.4f} ({verdict.model.low:.4f} to {verdict.model.high:.4f})",
            f"{verdict.model.texts_per_second:,.0f}",
            f"{verdict.model.latency_ms:.2f}",
            f"{verdict.model.megabytes:.1f}",
            f"{verdict.model.train_minutes:.1f}",
            "yes" if verdict.on_frontier else "",
            "yes" if verdict.kept else "",
        ]
        for verdict in selection.verdicts
    ]
    reasons = "\n".join(f"- {verdict.model.name}: {verdict.why}." for verdict in selection.verdicts)
    frontier = "frontier: no other model is both faster and better. texts/s and ms per text: measured on this machine."
    sections = [Section("Tried models", f"{markdown_table(columns, rows)}\n\n{frontier}\n\n{reasons}")]
    if selection.skipped:
        skipped = "\n".join(f"- {name}: {why}" for name, why in selection.skipped.items())
        sections.append(Section("Not tried", skipped))
    return sections


def choice_text(selection: Selection) -> str:
    """Return why the model was selected, in one paragraph."""
    if selection.chosen != selection.best:
        return (
            f"**{selection.chosen}** is the cheapest model that is not measurably worse than the best "
            f"({selection.best}): with 95 % confidence it is less than {selection.margin:g} worse. "
            f"Budget: {selection.budget.describe()}."
        )
    names = [verdict.model.name for verdict in selection.verdicts if verdict.against_best is not None]
    choice = f"**{selection.chosen}** is the best model within the budget."
    if names.index(selection.chosen) > 0:
        choice += f" Every cheaper model may be more than {selection.margin:g} worse."
    return f"{choice} Budget: {selection.budget.describe()}."

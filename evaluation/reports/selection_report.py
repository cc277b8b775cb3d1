"""A model selection as Markdown."""

from __future__ import annotations

from glossator.evaluation.analysis.model_selection import Selection
from glossator.evaluation.markdown import markdown_table


def selection_report(selection: Selection) -> str:
    """The choice in words and a table."""
    columns = [
        "algorithm", f"validation {selection.metric}", "texts/s", "ms a text", "MB", "train min", "frontier", "kept"
    ]  # fmt: skip
    rows = [
        [
            verdict.rung.name,
            f"{verdict.rung.value:.4f} ({verdict.rung.low:.4f} to {verdict.rung.high:.4f})",
            f"{verdict.rung.texts_per_second:,.0f}",
            f"{verdict.rung.latency_ms:.2f}",
            f"{verdict.rung.megabytes:.1f}",
            f"{verdict.rung.train_minutes:.1f}",
            "yes" if verdict.on_frontier else "",
            "yes" if verdict.kept else "",
        ]
        for verdict in selection.verdicts
    ]
    lines = [
        "# Which model to take",
        "",
        f"**{selection.chosen}**: the cheapest that is shown to be no worse than the best ({selection.best}) by more "
        f"than {selection.margin:g}, one-sided at 95 %. Budget: {selection.budget.told()}.",
        "",
        markdown_table(columns, rows),
        "",
        *(f"- {verdict.rung.name}: {verdict.why}." for verdict in selection.verdicts),
    ]
    if selection.skipped:
        lines += ["", "Not tried:", "", *(f"- {name}: {why}" for name, why in selection.skipped.items())]
    return "\n".join(lines) + "\n"

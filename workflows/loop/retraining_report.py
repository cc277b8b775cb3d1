"""Writes the report of a retraining as Markdown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from glossator.evaluation.markdown import markdown_table
from glossator.service.errors import shorten

if TYPE_CHECKING:
    from glossator.workflows.loop.corpus_building import BuiltCorpus
    from glossator.workflows.loop.retraining import Retrained

MAX_CONFLICTS = 20


def retraining_report(done: Retrained, built: BuiltCorpus) -> str:
    """Return what the model was retrained with, what was left out, and which texts had two labels."""
    parts = [
        f"# Retraining of {done.name}",
        f"Challenger {(done.digest or '')[:12]}, by {done.algorithm}; champion {done.champion[:12]}. "
        f"Validation {done.metric}: {done.validation:.4f}.",
        "## Rows",
        _rows(built),
        f"{built.added:,} reviewed texts are new, {built.changed:,} rows have another label than before.",
    ]
    if built.masked:
        parts.append(f"{built.masked:,} texts were masked when they were logged.")
    if built.left_out:
        table = [[reason, f"{count:,}"] for reason, count in sorted(built.left_out.items())]
        parts += ["## Left out", markdown_table(["why", "rows"], table, right=[1])]
    if built.new_labels:
        table = [
            [label, f"{count:,}", "yes" if label in built.labels else "no"]
            for label, count in sorted(built.new_labels.items())
        ]
        parts += ["## New labels", markdown_table(["label", "rows", "learned"], table, right=[1])]
    if built.conflicts:
        parts += ["## Texts with two labels", _conflicts(built)]
    return "\n\n".join(parts) + "\n"


def _rows(built: BuiltCorpus) -> str:
    sides = {"training": built.train, "validation": built.validation, "test": built.test}
    sources = ("training", "review", "feedback")
    table = []
    for name, rows in sides.items():
        counts = Counter(row.origin.source for row in rows)
        table.append([name, f"{len(rows):,}", *(f"{counts[source]:,}" for source in sources)])
    header = ["rows for", "all", "of the champion", "from reviews", "from feedback"]
    return markdown_table(header, table, right=range(1, 5))


def _conflicts(built: BuiltCorpus) -> str:
    table = [
        [
            shorten(each.text, 60),
            ", ".join(each.old),
            ", ".join(each.new),
            each.reviewer,
            each.made[:10],
            "new" if each.replaced else "old",
        ]
        for each in built.conflicts[:MAX_CONFLICTS]
    ]
    more = len(built.conflicts) - len(table)
    note = f"\n\n{more:,} more are in `corpus/conflicts.jsonl`." if more else ""
    return markdown_table(["text", "before", "reviewed", "by", "on", "kept"], table) + note

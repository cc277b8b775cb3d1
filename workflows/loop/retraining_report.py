"""Builds the report of a retraining."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.reports.document.report import Report, Section, Step, Tile, Verdict
from glossator.service.errors import shorten
from glossator.service.files.report_metadata import ReportMetadata

if TYPE_CHECKING:
    from glossator.workflows.loop.corpus_building import BuiltCorpus
    from glossator.workflows.loop.retraining import Retrained

MAX_CONFLICTS = 20


def build_retraining_report(
    done: Retrained, built: BuiltCorpus, compared: Report | None, about: ReportMetadata
) -> Report:
    """Return what the model was retrained with, and how it compares with the champion.

    `compared` is the report of the comparison; None if there were no test rows.
    """
    validation = f"{done.validation:.4f}" if done.validation is not None else "not measured"
    summary = (
        f"Challenger {(done.digest or '')[:12]}, by {done.algorithm}; champion {done.champion[:12]}. "
        f"Validation {done.metric}: {validation}."
    )
    new = (
        Tile("New rows", f"{built.added:,}", "", "reviewed texts that the champion was not trained on"),
        Tile("Changed rows", f"{built.changed:,}", "", "rows that have another label than before"),
    )
    if compared is None:
        return Report(
            metadata=about,
            verdict=Verdict("caution", "there are no test rows: the challenger was not compared with the champion."),
            summary=summary,
            tiles=new,
            sections=tuple(retraining_sections(built)),
            next_steps=(Step("Label test rows.", "Without them, nobody knows whether the challenger is better."),),
        )
    return replace(
        compared,
        metadata=replace(about, headline=compared.metadata.headline),
        summary=summary,
        tiles=(*compared.tiles, *new),
        sections=(*retraining_sections(built), *compared.sections),
    )


def retraining_sections(built: BuiltCorpus) -> list[Section]:
    """Return the rows by origin, what was left out, new labels, and texts with two labels."""
    rows = f"{_rows(built)}\n\n{built.added:,} reviewed texts are new, {built.changed:,} rows have another label."
    if built.masked:
        rows += f"\n\n{built.masked:,} texts were masked when they were logged."
    sections = [Section("Rows", rows)]
    if built.left_out:
        table = [[reason, f"{count:,}"] for reason, count in sorted(built.left_out.items())]
        sections.append(Section("Left out", markdown_table(["why", "rows"], table, right=[1])))
    if built.new_labels:
        table = [
            [label, f"{count:,}", "yes" if label in built.labels else "no"]
            for label, count in sorted(built.new_labels.items())
        ]
        sections.append(Section("New labels", markdown_table(["label", "rows", "learned"], table, right=[1])))
    if built.conflicts:
        sections.append(Section("Texts with two labels", _conflicts(built)))
    return sections


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

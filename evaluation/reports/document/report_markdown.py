"""Renders a report as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from glossator.evaluation.markdown import code_span
from glossator.evaluation.reports.document.report import MarkedText, Report, Section, Step, Tile
from glossator.service.files.report_metadata import ReportMetadata

NEXT_STEPS = "What to do next"
JUDGEMENTS = {"good": "Good", "caution": "Caution", "bad": "Problem", "neutral": "Result"}


def report_markdown(report: Report) -> str:
    """Return the whole report. Plots are links to SVG files with the names of the figures."""
    parts = [f"# {report.metadata.title}", *_facts(report.metadata), *report.warnings]
    if report.verdict is not None:
        parts.append(f"**{JUDGEMENTS[report.verdict.judgement]}:** {report.verdict.text}")
    parts += [report.summary] if report.summary else []
    parts += ["\n".join(map(_tile, report.tiles))] if report.tiles else []
    for section in report.sections:
        parts += _section(section, level=2)
    if report.next_steps:
        parts += [f"## {NEXT_STEPS}", steps_markdown(report.next_steps)]
    return "\n\n".join(parts) + "\n"


def sections_markdown(sections: Sequence[Section], *, level: int) -> list[str]:
    """Return the paragraphs of some sections without their plots."""
    return [
        part
        for section in sections
        for part in (f"{'#' * level} {section.title}", section.body, "\n".join(map(_marked, section.texts)))
        if part
    ]


def steps_markdown(steps: Sequence[Step]) -> str:
    """Return the steps as a numbered list."""
    return "\n".join(
        f"{number}. **{step.action}** {step.reason}" + (f" {code_span(step.command)}" if step.command else "")
        for number, step in enumerate(steps, start=1)
    )


def facts_of(metadata: ReportMetadata) -> list[tuple[str, str]]:
    """Return what the head of a report says about its origin, as pairs of name and plain text."""
    pairs = [
        ("Model", metadata.model),
        ("Data", metadata.data),
        ("Date", readable_date(metadata.created)),
        ("Run", metadata.run),
        ("Command", metadata.command),
    ]
    return [(name, value) for name, value in pairs if value]


def readable_date(created: str) -> str:
    """Return an ISO 8601 time as `2026-11-29 23:40 UTC`; the text itself if it is no time."""
    try:
        return f"{datetime.fromisoformat(created):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return created


def _facts(metadata: ReportMetadata) -> Iterator[str]:
    pairs = facts_of(metadata)
    if pairs:
        yield "\n".join(f"- {name}: {value if name == 'Date' else code_span(value)}" for name, value in pairs)


def _marked(text: MarkedText) -> str:
    found = ", ".join(f"{code_span(text.text[start:end])} ({label})" for start, end, label in text.marks)
    return f"- {text.title}: {code_span(text.text)}: {found or 'none'}"


def _tile(tile: Tile) -> str:
    note = f" ({tile.note})" if tile.note else ""
    meaning = f": {tile.meaning}" if tile.meaning else ""
    return f"- {tile.label}: **{tile.value}**{note}{meaning}"


def _section(section: Section, *, level: int) -> list[str]:
    figures = [f"![{figure.title}]({figure.name}.svg)" for figure in section.figures]
    return [*sections_markdown([section], level=level), *figures]

"""Renders a report as one self-contained page of HTML: no script, no network; light and dark, narrow, print."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from glossator.evaluation.reports.document.chart_theme import themed_svg
from glossator.evaluation.reports.document.report import Report, Section
from glossator.evaluation.reports.document.report_markdown import JUDGEMENTS, NEXT_STEPS, facts_of
from glossator.service.files.report_metadata import MARKER

_FOLDER = Path(__file__).parent
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_TINTS = 7
"""Colours of marks, in report.css; the label is written out too."""
_SYMBOLS = {"good": "✓", "caution": "!", "bad": "✗", "neutral": "i"}


def report_page(report: Report) -> str:
    """Return the page. HTML in the Markdown of the report is shown as text."""
    sections = [_section(number, each) for number, each in enumerate(report.sections, start=1)]
    contents = [(each["id"], each["title"]) for each in sections]
    if report.next_steps:
        contents.append(("next", NEXT_STEPS))
    page: str = _template().render(
        report=report,
        metadata=report.metadata,
        marker=MARKER,
        policy=POLICY,
        style=Markup(_style()),
        facts=facts_of(report.metadata),
        warnings=[markdown_html(each) for each in report.warnings],
        verdict=report.verdict and _inline(report.verdict.text),
        summary=markdown_html(report.summary) if report.summary else "",
        sections=sections,
        contents=contents,
        next_title=NEXT_STEPS,
        steps=[(_inline(each.action), _inline(each.reason), each.command) for each in report.next_steps],
        tiles=[(each, *_number_and_unit(each.value)) for each in report.tiles],
        words=JUDGEMENTS,
        symbols=_SYMBOLS,
    )
    return page


def _section(number: int, section: Section) -> dict[str, Any]:
    key = f"section-{number}"
    labels = sorted({label for text in section.texts for _, _, label in text.marks})
    tints = {label: place % _TINTS for place, label in enumerate(labels)}
    return {
        "texts": [
            (text.title, [(piece, label, tints.get(label, 0)) for piece, label in text.pieces() if piece])
            for text in section.texts
        ],
        "id": key,
        "title": section.title,
        "folded": section.folded,
        "body": markdown_html(section.body, name=section.title),
        "figures": [
            (figure, Markup(themed_svg(figure.svg, f"{key}-{place}")))
            for place, figure in enumerate(section.figures, start=1)
        ],
    }


def _number_and_unit(value: str) -> tuple[str, str]:
    """Split `12.5 points` into the number and its unit, which is written smaller."""
    number, _, unit = value.partition(" ")
    return (value, "") if any(character.isdigit() for character in unit) else (number, unit)


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


@cache
def _style() -> str:
    return (_FOLDER / "report.css").read_text(encoding="utf-8")


@cache
def _markdown() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def markdown_html(markdown: str, *, name: str = "") -> Markup:
    """Return the rendered Markdown; each table scrolls in its own box, which the keyboard can reach."""
    count = 0

    def opened(_: re.Match[str]) -> str:
        nonlocal count
        count += 1
        label = Markup.escape(f"Table {count}: {name}" if name else f"Table {count}")
        return f'<div class="scroll" role="region" aria-label="{label}" tabindex="0"><table>'

    rendered = re.sub("<table>", opened, _markdown().render(markdown))
    return Markup(rendered.replace("</table>", "</table></div>"))


def _inline(markdown: str) -> Markup:
    return Markup(_markdown().renderInline(markdown))

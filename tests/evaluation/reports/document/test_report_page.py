"""The page and the Markdown of a report, which say the same."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from glossator.evaluation.reports.document.chart_theme import themed_svg
from glossator.evaluation.reports.document.report import Figure, Report, Section, Step, Tile, Verdict
from glossator.evaluation.reports.document.report_markdown import report_markdown
from glossator.evaluation.reports.document.report_page import report_page
from glossator.evaluation.reports.plots.svg_drawing import BLUE, add_title, bar_figure, render_svg
from glossator.service.files.report_metadata import ReportMetadata, parse_report_metadata

HOSTILE = '<img src=x onerror="alert(1)"> #0072b2 id="x"'


def chart() -> str:
    def draw() -> tuple[object, str, str]:
        figure, _, height = bar_figure([HOSTILE, "b"], [1.0, 2.0])
        add_title(figure, "Bars", height)
        return figure, "Bars", "Two bars."

    return render_svg(draw)


def report() -> Report:
    figure = Figure("bars", chart(), "Bars", "How to read it.")
    return Report(
        metadata=ReportMetadata(
            kind="evaluation",
            title=HOSTILE,
            model="m1",
            created="2026-11-29T23:40:00+00:00",
            command="glossator evaluate",
        ),
        verdict=Verdict("good", f"better than `{HOSTILE}`."),
        warnings=("**Warning: seen rows.**",),
        summary="A plain sentence.",
        tiles=(Tile("Accuracy", "93.4 %", "95 % interval 91 to 95", "of the rows are right", "caution"),),
        sections=(
            Section("Labels", f"| label |\n|---|\n| {HOSTILE} |\n\n{HOSTILE}", (figure, figure)),
            Section("Details", "- one", folded=True),
        ),
        next_steps=(Step("Label more rows.", "Too few.", "glossator suggest FILE"),),
    )


class Outline(HTMLParser):
    """Tags, ids, links and headings of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            if name == "id":
                self.ids.append(value or "")
            if name == "href" and tag == "a":
                self.links.append((value or "").removeprefix("#"))


def test_the_page_is_complete_and_hostile_text_stays_text() -> None:
    html = report_page(report())
    outline = Outline()
    outline.feed(html)
    assert "script" not in outline.tags
    assert "img" not in outline.tags
    assert not re.search(r"https?://(?!www\.w3\.org/)", html)
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.links) <= set(outline.ids)
    assert [tag for tag in outline.tags if re.fullmatch(r"h\d", tag)] == ["h1", "h2", "h2", "h2"]
    assert outline.tags.count("svg") == 2
    assert outline.tags.count("details") == 1
    assert parse_report_metadata(html.encode()) == report().metadata


def test_markdown_and_html_say_the_same() -> None:
    markdown, html = report_markdown(report()), report_page(report())
    said = [
        "m1",
        "2026-11-29 23:40 UTC",
        "93.4",
        "95 % interval 91 to 95",
        "of the rows are right",
        "A plain sentence.",
    ]
    said += ["Warning: seen rows.", "Label more rows.", "glossator suggest FILE", "What to do next"]
    for words in said:
        assert words in markdown
        assert words in html
    assert "![Bars](bars.svg)" in markdown
    assert "**Good:** better than" in markdown


def test_colours_of_a_chart_follow_the_page_but_its_texts_stay() -> None:
    svg = themed_svg(chart(), "k")
    assert f"fill: var(--chart-blue, {BLUE})" in svg
    assert "#ffffff" not in re.sub(r"var\(--chart-paper, #ffffff\)", "", svg)
    assert "font-family" not in svg
    texts = re.findall(r">([^<]*onerror[^<]*)</text>", svg)
    assert texts
    assert all("#0072b2" in text and "var(" not in text for text in texts)
    assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg)) <= set(re.findall(r'id="([^"]+)"', svg))

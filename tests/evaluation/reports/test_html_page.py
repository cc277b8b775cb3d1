from __future__ import annotations

from glossator.evaluation.reports.html_page import html_page


def test_page_has_title_tables_and_plots() -> None:
    html = html_page("| a |\n|---|\n| 1 |\n", title="A & B", plots={"p": "<?xml version='1.0'?><svg></svg>"})
    assert "<td" in html
    assert "<title>A &amp; B</title>" in html
    assert "<figure><svg></svg>" in html

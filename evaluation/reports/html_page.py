"""Turns a Markdown report into one self-contained page of HTML: plots included, no network, no script."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

_STYLE = """
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; }
h1, h2, h3 { line-height: 1.2; margin-top: 2rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ddd; padding: 0.3rem 0.8rem; text-align: left; }
figure { margin: 2rem 0; break-inside: avoid; }
figure svg { max-width: 100%; height: auto; }
code { background: #f3f3f3; padding: 0.1rem 0.3rem; }
@media print { body { margin: 0; max-width: none; } table { display: table; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def html_page(markdown: str, *, title: str, plots: Mapping[str, str] | None = None) -> str:
    """Return the page: the rendered Markdown, then each SVG plot with its name as caption.

    HTML in the Markdown is shown as text.
    """
    from markdown_it import MarkdownIt

    heading = "" if markdown.startswith("# ") else f"<h1>{escape(title)}</h1>\n"
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    figures = "".join(
        f"<figure>{svg[svg.index('<svg') :]}<figcaption>{escape(name)}</figcaption></figure>"
        for name, svg in (plots or {}).items()
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<style>{_STYLE}</style></head><body>{heading}{body}{figures}</body></html>\n"
    )

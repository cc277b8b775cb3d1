"""Prepares an SVG plot for a page: its colours follow the page (light, dark, print), its ids are unique in the page."""

from __future__ import annotations

import re

from glossator.evaluation.reports.plots.svg_drawing import PALETTE

_TAG = re.compile(r"<[a-zA-Z/][^<>]*>")
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_ID = re.compile(r'\bid="([^"]+)"')
_REFERENCE = re.compile(r'(url\(#|href="#)([^")]+)')
_LABELLED = re.compile(r'aria-labelledby="([^"]+)"')
_COLOUR = re.compile(r"(?<=: )#[0-9a-f]{6}\b")
_FONT = re.compile(r" ?font-family: 'DejaVu Sans'[^;\"]*;?")
_VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ')
_FIXED_SIZE = re.compile(r'\s(?:width|height)="[\d.]+pt"')
_SMALLEST_WIDTH = 560
"""On a narrow screen, a plot is drawn at least this wide, in pixels, and scrolls."""
_NAMES = {colour.lower(): name for name, colour in PALETTE.items()}


def themed_svg(svg: str, key: str) -> str:
    """Return the `<svg>` element for a page. `key` is unique in the page; texts get the font of the page."""
    whole = _METADATA.sub("", svg[svg.index("<svg") :])
    return _sized(_TAG.sub(lambda tag: _themed(tag[0], key), whole))  # texts between the tags stay as they are


def _themed(tag: str, key: str) -> str:
    tag = _COLOUR.sub(_themed_colour, _FONT.sub("", tag))
    tag = _ID.sub(lambda match: f'id="{key}-{match[1]}"', tag)
    tag = _REFERENCE.sub(lambda match: f"{match[1]}{key}-{match[2]}", tag)
    return _LABELLED.sub(
        lambda match: f'aria-labelledby="{" ".join(f"{key}-{each}" for each in match[1].split())}"', tag
    )


def _themed_colour(match: re.Match[str]) -> str:
    name = _NAMES.get(match[0])
    return match[0] if name is None else f"var(--chart-{name}, {match[0]})"


def _sized(svg: str) -> str:
    """Replace the fixed size of the element by one that shrinks with the page."""
    opening, rest = svg[: svg.index(">")], svg[svg.index(">") :]
    found = _VIEW_BOX.search(opening)
    width = float(found[1]) * 4 / 3 if found else _SMALLEST_WIDTH
    size = f' style="width: {width:.0f}px; min-width: {min(width, _SMALLEST_WIDTH):.0f}px"'
    return f"{_FIXED_SIZE.sub('', opening)}{size}{rest}"

"""Markdown tables and code spans that show any text literally."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from glossator.service.errors import shorten

_CELL_WIDTH = 60
_MARKUP = re.compile(r"[\\|`*<\[$]|(?<![^\W_])_|_(?![^\W_])")  # an underscore inside a word is no markup


def code_span(text: str, *, limit: int = 200) -> str:
    """Return a code span with the text, shortened, on one line; its fence is longer than any run of backticks inside.

    >>> code_span("plain"), code_span("with ` one")
    ('`plain`', '`` with ` one ``')
    """
    text = shorten(text, limit)
    runs = re.findall("`+", text)
    if not runs:
        return f"`{text}`"
    fence = "`" * (max(map(len, runs)) + 1)
    return f"{fence} {text} {fence}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Return a Markdown table with padded columns; the columns with a number in `right` are right-aligned.

    >>> print(markdown_table(["label", "F1"], [["spam|ham", "0.5"]], right=[1]))
    | label     |  F1 |
    |-----------|----:|
    | spam\\|ham | 0.5 |
    """
    cells = [[_escape(cell) for cell in row] for row in (header, *rows)]
    widths = [max(3, *(display_width(row[column]) for row in cells)) for column in range(len(header))]
    lines = ["| " + " | ".join(_pad(row[i], widths[i], i in right) for i in range(len(header))) + " |" for row in cells]
    rule = "|" + "|".join("-" * (width + 1) + (":" if i in right else "-") for i, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _escape(text: str) -> str:
    """Return one printable line in which no character ends a cell or starts markup; `snake_case` stays unchanged."""
    return _MARKUP.sub(r"\\\g<0>", shorten(text, _CELL_WIDTH))


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - display_width(text))
    return space + text if right else text + space


def display_width(text: str) -> int:
    """Return the width in terminal columns: wide East Asian characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )

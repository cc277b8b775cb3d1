"""Text of others inside Markdown, where it formats nothing."""

from __future__ import annotations

import re

from glossator.service.errors import shorten


def code_span(text: str, *, limit: int = 200) -> str:
    """A code span that holds any text, on one line, shortened: its fence is longer than any run of backticks inside.

    >>> code_span("plain"), code_span("with ` one")
    ('`plain`', '`` with ` one ``')
    """
    text = shorten(text, limit)
    runs = re.findall("`+", text)
    if not runs:
        return f"`{text}`"
    fence = "`" * (max(map(len, runs)) + 1)
    return f"{fence} {text} {fence}"

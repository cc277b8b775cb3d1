"""Positions in a text: code points, as Python counts, or the units of UTF-16 (JavaScript) and UTF-8 (Go, Rust)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

OffsetUnit = Literal["codepoint", "utf16", "utf8"]


def counter(text: str, unit: OffsetUnit | None) -> Callable[[int], int]:
    """A function from a position in code points to the same position in `unit`.

    >>> count = counter("a\N{WINKING FACE}b", "utf16")
    >>> [count(position) for position in range(4)]
    [0, 1, 3, 4]
    """
    if unit in (None, "codepoint") or (unit == "utf8" and text.isascii()):
        return int
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    widths = 1 + (points > 0xFFFF) if unit == "utf16" else 1 + (points > 0x7F) + (points > 0x7FF) + (points > 0xFFFF)
    before = np.concatenate([[0], np.cumsum(widths)])
    return lambda position: int(before[position])

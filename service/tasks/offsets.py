"""Units of offsets: code points (Python), UTF-16 code units (JavaScript) or UTF-8 bytes (Go, Rust)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

OffsetUnit = Literal["codepoint", "utf16", "utf8"]


def offset_converter(text: str, unit: OffsetUnit | None) -> Callable[[int], int]:
    """Return a function that converts a position in code points of `text` to `unit`.

    >>> count = offset_converter("a\N{WINKING FACE}b", "utf16")
    >>> [count(position) for position in range(4)]
    [0, 1, 3, 4]
    """
    if unit in (None, "codepoint") or (unit == "utf8" and text.isascii()):
        return int
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    widths = 1 + (points > 0xFFFF) if unit == "utf16" else 1 + (points > 0x7F) + (points > 0x7FF) + (points > 0xFFFF)
    before = np.concatenate([[0], np.cumsum(widths)])
    return lambda position: int(before[position])

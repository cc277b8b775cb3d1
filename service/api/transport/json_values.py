"""How many values a JSON body has, counted before it is parsed.

The parser keeps the interpreter's lock until it is done: millions of numbers or empty lists in a body of 8 MB hold
every other request for seconds, and take gigabytes. Counting works on small pieces, between which other threads run.
"""

from __future__ import annotations

MOST_VALUES = 500_000
"""1,000 lists of 500 token ids; a body of texts has a few thousand values."""
_PIECE = 32_768


def has_too_many_values(body: bytes, limit: int = MOST_VALUES) -> bool:
    """Whether a JSON text has more than about `limit` values: texts, numbers, names, lists and objects.

    A text with fewer commas, colons and brackets has fewer values, so most bodies are not looked at closely.

    >>> has_too_many_values(b'[1, "2, 3", [4]]', 4), has_too_many_values(b'[1, "2, 3", [4]]', 3)
    (False, True)
    """
    if _separators(body) <= limit:
        return False
    count, inside, escape = 0, False, b""
    for begin in range(0, len(body), _PIECE):
        piece = escape + body[begin : begin + _PIECE]
        escape = b"\\" if (len(piece) - len(piece.rstrip(b"\\"))) % 2 else b""
        piece = piece.removesuffix(escape) if escape else piece
        parts = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        count += sum(map(_separators, parts[inside::2]))
        inside ^= len(parts) % 2 == 0
        if count > limit:
            return True
    return False


def _separators(text: bytes) -> int:
    return sum(map(text.count, (b",", b":", b"[", b"{")))

"""Text that is safe to print: what would command a terminal, or cannot be encoded, is escaped."""

from __future__ import annotations

import re

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters other than tabs and line feeds, separators of lines, changes of the writing direction, and lone
surrogates: names of files and arguments that are not UTF-8 have them."""


def printable_text(text: str) -> str:
    r"""Return the text with unsafe characters as escapes; all others, such as emoji and wide spaces, are unchanged.

    >>> print(printable_text("größer \x1b[31m\x9b \u202e"))
    größer \x1b[31m\x9b \u202e
    """
    return _UNSAFE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

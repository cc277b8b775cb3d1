"""Finds unusual white space in texts, and replaces it by ordinary spaces.

What is usual depends on the text. In one line: single spaces, none at the edges. In several lines: also indents,
aligned columns, tabs, a blank line or two, and a line end after the last line.
"""

from __future__ import annotations

import re

_LINES = re.compile(r"\S[^\n]*\n[^\S\n]*(?:\n[^\S\n]*)*\S[^\n]*\n")
"""At least two lines that end, with text in both."""
_EDGE_LINE_ENDS = re.compile(r"\A(?:[^\S\n]*\n)+|(?:\r?\n[^\S\n]*){2,}\Z")
_FRENCH = r"(?<!«)[\u00a0\u202f](?![;:!?%»€\d])"
"""A no-break space that is not part of punctuation or of a number."""
_ODD_CHARACTER = re.compile(rf"{_FRENCH}|[\x0b\x0c\x85\u1680\u2000-\u200a\u2028\u2029\u205f]")
_RUN = re.compile(r"[^\S\r\n\u3000]{2,}|\t")
_BLANK_LINES = re.compile(r"(?:\r?\n[^\S\n]*){4,}")
_SHORT_BLANK_LINES = re.compile(r"(?:\r?\n[^\S\n]*){3,}")


def has_odd_space(text: str) -> bool:
    """True if a text has unusual white space."""
    return normalise_space(text) != text


def normalise_space(text: str) -> str:
    """The text with ordinary spaces in place of unusual white space.

    >>> normalise_space("  two\\u2003words,\\t three "), normalise_space("a list:\\n  - one\\n  - two\\n")
    ('two words, three', 'a list:\\n  - one\\n  - two\\n')
    """
    if text.isascii() and text.isprintable() and "  " not in text and text == text.strip():
        return text
    several = _LINES.search(text) is not None
    while True:
        after = _normalise_lines(text) if several else _normalise_line(text)
        if after == text:
            return text
        text = after


def _normalise_line(text: str) -> str:
    text = _RUN.sub(" ", _ODD_CHARACTER.sub(" ", text))
    text = _SHORT_BLANK_LINES.sub("\n\n", text)
    stripped = text.strip()
    return f"{stripped}\n" if text == f"{stripped}\n" else stripped  # a file of one line ends with a line end


def _normalise_lines(text: str) -> str:
    text = _ODD_CHARACTER.sub(" ", text)
    return _BLANK_LINES.sub("\n\n", _EDGE_LINE_ENDS.sub(_one_line_end, text))


def _one_line_end(found: re.Match[str]) -> str:
    """Nothing for blank lines before the text, one line end for those after it."""
    return "" if found.start() == 0 else "\n"

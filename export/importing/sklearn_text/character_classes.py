"""Python's classes of characters, as classes of the regular expressions of tokenizers.

The two engines follow different versions and readings of Unicode: a vowel sign of Devanagari is `\\w` for one and not
for the other. So classes are written out, as Python's own functions answer for each character.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache

SURROGATES = range(0xD800, 0xE000)

_TESTS: dict[str, Callable[[str], bool]] = {
    "w": lambda character: character.isalnum() or character == "_",
    "d": str.isdecimal,
    "s": str.isspace,
    "combining": lambda character: unicodedata.combining(character) != 0,
}


def characters() -> Iterator[str]:
    """Yield every character that a text can contain."""
    return (chr(code) for code in range(sys.maxunicode + 1) if code not in SURROGATES)


@cache
def class_items(name: str, *, negated: bool = False) -> str:
    """Return the inside of a character class: `w`, `d` and `s` as in Python's `re`, or `combining` marks."""
    return ranges(character for character in characters() if _TESTS[name](character) != negated)


def character_class(name: str, *, negated: bool = False) -> str:
    """Return a character class; names as in `class_items`."""
    return f"[{'^' if negated else ''}{class_items(name)}]"


def ranges(members: Iterator[str]) -> str:
    """Return the inside of a character class with these characters, which must be sorted."""
    found: list[list[int]] = []
    for code in map(ord, members):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return "".join(escaped(first) if first == last else f"{escaped(first)}-{escaped(last)}" for first, last in found)


def escaped(code: int) -> str:
    """Return a character as a regular expression, in or outside a class."""
    return chr(code) if code > 0x2FF or chr(code).isalnum() else f"\\x{{{code:x}}}"

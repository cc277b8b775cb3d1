r"""The lines of a text, as editors and other tools count them.

`str.splitlines` also ends a line at U+2028, U+0085 and six other characters, which occur inside real texts.
"""

from __future__ import annotations

import re

_LINE_END = re.compile(r"\r\n|\n|\r")


def text_lines(text: str) -> list[str]:
    r"""Return the lines without their ends, which are `\n`, `\r\n` or `\r`.

    >>> text_lines("one\r\ntwo\u2028still two\n")
    ['one', 'two\u2028still two']
    """
    lines = _LINE_END.split(text)
    return lines[:-1] if not lines[-1] else lines

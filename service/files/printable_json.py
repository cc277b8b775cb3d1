"""JSON that is safe to print and to keep as lines: what cannot be printed is escaped, other letters stay readable."""

from __future__ import annotations

import json
import re

_UNUSUAL = re.compile(r"[^\x20-\x7e\n]")


def printable_json(value: object, *, indent: int | None = None) -> str:
    r"""Return `value` as JSON in which characters that cannot be printed are escaped.

    Control characters would command a terminal, line separators would end a line for some readers, and lone surrogates
    (file names and arguments that are not UTF-8) cannot be encoded. Parsing returns the same text.

    >>> print(printable_json({"why": "größer\u2028\x9b31m"}))
    {"why": "größer\u2028\u009b31m"}
    """
    return _UNUSUAL.sub(_escape, json.dumps(value, ensure_ascii=False, indent=indent))


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return character if character.isprintable() else json.dumps(character)[1:-1]

"""Numbers and bullets of the lists of a Word document, as Word shows them before each item."""

from __future__ import annotations

import re
from typing import Any

from glossator.service.documents.formats.documents.xml_package import attribute, local_name

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_LEVEL = re.compile(r"%([1-9])")
_MOST_ROMAN = 4000


class ListNumbering:
    """Counts the items of each list. `root` is None if the document has no lists."""

    def __init__(self, root: Any) -> None:
        definitions = {}
        self._lists: dict[str, dict[int, Any]] = {}
        self._definition: dict[str, str] = {}
        for element in [] if root is None else root:
            if local_name(element) == "abstractNum":
                definitions[attribute(element, "abstractNumId")] = _levels(element)
            elif local_name(element) == "num":
                number = attribute(element, "numId") or ""
                base = next((attribute(each, "val") for each in element if local_name(each) == "abstractNumId"), None)
                overrides = _levels(element, "lvlOverride")
                self._lists[number] = definitions.get(base, {}) | overrides
                self._definition[number] = number if overrides else f"abstract {base}"
        self._counts: dict[str, dict[int, int]] = {}

    def next_label(self, number: str, level: int) -> str:
        """Count an item and return its label with a space, such as `2. `; empty if the list shows none."""
        levels = self._lists.get(number, {})
        if level not in levels:
            return ""
        counts = self._counts.setdefault(self._definition[number], {})
        counts[level] = counts.get(level, _start(levels[level]) - 1) + 1
        for deeper in [each for each in counts if each > level]:
            del counts[deeper]
        if _value(levels[level], "numFmt") == "bullet":
            return "• "
        label = _LEVEL.sub(
            lambda found: _format(levels, counts, int(found[1]) - 1), _value(levels[level], "lvlText") or ""
        )
        return f"{label} " if label.strip() else ""


def _levels(element: Any, tag: str = "lvl") -> dict[int, Any]:
    found = {}
    for child in element:
        index = attribute(child, "ilvl") or ""
        if local_name(child) == tag and index.isdecimal():
            inner = child if tag == "lvl" else next((each for each in child if local_name(each) == "lvl"), None)
            if inner is not None:
                found[int(index)] = inner
    return found


def _value(level: Any, tag: str) -> str | None:
    return next((attribute(child, "val") for child in level if local_name(child) == tag), None)


def _start(level: Any) -> int:
    value = _value(level, "start") or "1"
    return int(value) if value.isdecimal() and len(value) < 9 else 1


def _format(levels: dict[int, Any], counts: dict[int, int], level: int) -> str:
    if level not in levels:
        return ""
    return format_number(counts.get(level, _start(levels[level])), _value(levels[level], "numFmt") or "decimal")


def format_number(number: int, kind: str) -> str:
    """Return a number in one of Word's formats; formats of other scripts are shown in digits.

    >>> format_number(4, "lowerRoman"), format_number(28, "upperLetter"), format_number(3, "none")
    ('iv', 'BB', '')
    """
    if kind == "none":
        return ""
    text = str(number)
    if kind.endswith("Letter") and 0 < number < _MOST_ROMAN:
        repeats, letter = divmod(number - 1, 26)
        text = chr(ord("a") + letter) * (repeats + 1)
    elif kind.endswith("Roman") and 0 < number < _MOST_ROMAN:
        text, rest = "", number
        for value, sign in _ROMAN:
            count, rest = divmod(rest, value)
            text += sign * count
    elif kind == "decimalZero":
        text = f"{number:02}"
    return text.upper() if kind.startswith("upper") else text

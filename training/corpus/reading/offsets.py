"""Checks the offsets of a span against the text that it should cover, and repairs them where only one place fits."""

from __future__ import annotations

import re

from glossator.service.errors import shorten
from glossator.training.corpus.row import RowFault

_BREAK = re.compile(r"\s+|\\n")


def check_offsets(text: str, start: int, end: int, covered: str) -> tuple[int, int]:
    """The offsets of `covered` in code points.

    They are those given, else what these mean in UTF-16 or UTF-8, else the only place of `covered` in the text.

    White space is compared as such: tools write line breaks as spaces or as `\\n`. Raises RowFault if no place fits, or
    several do.
    """
    wanted = _plain(covered)
    if _plain(text[start:end]) == wanted or not wanted.strip():
        return start, end
    for unit in ("utf-16-le", "utf-8"):
        place = _from_units(text, start, end, unit)
        if place is not None and _plain(text[place[0] : place[1]]) == wanted:
            return place
    places = _find_all(text, covered)
    if len(places) == 1:
        return places[0]
    how_often = f"{len(places)} times" if places else "not"
    raise RowFault(
        "offsets-contradict-text",
        f"'{shorten(text[start:end], 40)}' is at {start} to {end}, not '{shorten(covered, 40)}', which the text has "
        f"{how_often}",
    )


def _plain(text: str) -> str:
    return _BREAK.sub(" ", text)


def _find_all(text: str, covered: str) -> list[tuple[int, int]]:
    """Every place of `covered` in the text, with any white space where it has some."""
    parts = [re.escape(part) for part in _BREAK.split(covered.strip()) if part]
    return [each.span() for each in re.finditer(r"\s+".join(parts), text)] if parts else []


def _from_units(text: str, start: int, end: int, encoding: str) -> tuple[int, int] | None:
    """Offsets in units of an encoding as code points; None if they are inside a character or outside the text."""
    size = 2 if encoding == "utf-16-le" else 1
    data = text.encode(encoding, "surrogatepass")
    if not 0 <= start <= end or end * size > len(data):
        return None
    try:
        first = len(data[: start * size].decode(encoding))
        return first, first + len(data[start * size : end * size].decode(encoding))
    except UnicodeDecodeError:
        return None

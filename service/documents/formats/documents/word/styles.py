"""Styles of a Word document, as far as they decide which text is shown: hidden text, and lists."""

from __future__ import annotations

from typing import Any

from glossator.service.documents.formats.documents.xml_package import attribute, local_name

_MOST_ANCESTORS = 20


class WordStyles:
    """The styles by id; each inherits from the one that it is based on. `root` is None if there are no styles."""

    def __init__(self, root: Any) -> None:
        self._styles = {attribute(each, "styleId"): each for each in ([] if root is None else root)}

    def is_hidden(self, style: str | None) -> bool:
        """Return whether text of this style is hidden."""
        for each in self._ancestry(style):
            vanish = _find(each, "rPr", "vanish")
            if vanish is not None:
                return is_on(vanish)
        return False

    def is_run_hidden(self, run: Any, *, default: bool = False) -> bool:
        """Return whether the text of a run, or the mark of a paragraph by its properties, is hidden."""
        vanish = _find(run, "rPr", "vanish")
        if vanish is not None:
            return is_on(vanish)
        style = _find(run, "rPr", "rStyle")
        return default or (style is not None and self.is_hidden(attribute(style, "val")))

    def numbering(self, properties: Any, style: str | None) -> tuple[str, int] | None:
        """Return the list of a paragraph and its level, or None if it is in no list."""
        number = level = None
        for each in ([properties] if properties is not None else []) + [
            found for ancestor in self._ancestry(style) if (found := _find(ancestor, "pPr")) is not None
        ]:
            found = _find(each, "numPr", "numId")
            number = number if number is not None or found is None else attribute(found, "val")
            found = _find(each, "numPr", "ilvl")
            level = level if level is not None or found is None else attribute(found, "val")
        if number in (None, "0"):
            return None
        return str(number), int(level) if level is not None and level.isdecimal() else 0

    def _ancestry(self, style: str | None) -> list[Any]:
        found: list[Any] = []
        while style in self._styles and len(found) < _MOST_ANCESTORS:
            found.append(self._styles[style])
            based_on = _find(found[-1], "basedOn")
            style = None if based_on is None else attribute(based_on, "val")
        return found


def is_on(element: Any) -> bool:
    """Return whether an on-off property is on; without a value it is."""
    return attribute(element, "val") not in ("0", "false", "off", "none")


def _find(element: Any, *path: str) -> Any:
    """Return the first descendant along a path of tags, or None."""
    for name in path:
        element = next((child for child in element if local_name(child) == name), None)
        if element is None:
            return None
    return element

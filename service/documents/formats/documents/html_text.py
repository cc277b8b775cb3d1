"""The text of a page, as a browser lays it out: blocks on lines of their own, cells of a table separated by tabs.

Scripts, styles, templates and hidden elements are not text. The cells of a table that contain blocks, as in pages that
are laid out with tables, are blocks themselves, one after another. Follows the HTML standard's rendering section where
it matters for text.
"""

from __future__ import annotations

import re
from typing import Any

from glossator.service.errors import UndecodableFile
from glossator.service.optional_packages import import_optional

_SKIPPED = frozenset([
    "head", "script", "style", "template", "noscript", "title", "meta", "link", "base", "iframe", "object",
    "embed", "audio", "video", "canvas", "datalist", "noframes", "map", "area", "param", "source", "track",
])  # fmt: skip
_BLOCKS = frozenset([
    "html", "body", "address", "article", "aside", "blockquote", "center", "dd", "details", "dialog", "dir",
    "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "frameset", "h1", "h2", "h3", "h4",
    "h5", "h6", "header", "hgroup", "hr", "legend", "li", "listing", "main", "menu", "nav", "ol", "optgroup",
    "option", "p", "plaintext", "pre", "search", "section", "summary", "table", "caption", "thead", "tbody",
    "tfoot", "tr", "ul", "xmp",
])  # fmt: skip
_WITH_MARGIN = frozenset([
    "blockquote", "dl", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "p", "pre", "table", "ul",
])  # fmt: skip
_PREFORMATTED = frozenset(["pre", "textarea", "listing", "xmp", "plaintext"])
_CELLS = frozenset(["td", "th"])
_TABLE_PARTS = frozenset(["table", "caption", "thead", "tbody", "tfoot", "tr"])
_LISTS = frozenset(["ol", "ul", "menu", "dir"])
_ITEMS = frozenset(["li", "td", "th", "dd", "dt"])
_HIDING_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_WHITE_SPACE = re.compile(r"[ \t\r\n\f]+")


def html_text(markup: str, name: str) -> str:
    """Return the text that a browser would show, without white space at its ends.

    Raises UndecodableFile if the page cannot be parsed to its end; `name` names it.
    """
    if not markup.strip():
        return ""
    html = import_optional("lxml.html", "HTML", package="lxml")
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(markup.encode("utf-8", "surrogatepass"), parser=parser)
    except Exception as error:  # lxml raises many kinds of errors
        if type(error).__name__ == "ParserError" and "empty" in str(error):
            return ""
        raise UndecodableFile(f"{name} cannot be read as HTML", found=error, expected="HTML") from None
    fatal = next((entry.message.split(",")[0] for entry in parser.error_log if entry.level_name == "FATAL"), None)
    if fatal is not None:
        raise UndecodableFile(
            f"{name} cannot be read to its end",
            found=fatal,
            expected="HTML whose elements are nested at most 2,048 levels deep",
        )
    return _Layout().render(root)


class _Layout:
    """Collects the text of elements into lines."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._breaks = 0
        """Line breaks to write before the next text."""
        self._tabs = 0
        """Tabs to write before the next text: it is in a later cell of the row."""
        self._space = False
        """Whether a space is to be written before the next text of the same line."""
        self._preformatted = 0
        self._lists: list[int | None] = []
        """For each open list, the number of its next item, or None for bullets."""
        self._marker = ""
        """The bullet or number of a list item, written before its first text."""
        self._cells: list[bool] = []
        """For each open cell, whether its text takes several lines."""

    def render(self, root: Any) -> str:
        # Without recursion: pages may be nested deeper than Python's stack allows.
        todo: list[tuple[Any, bool]] = [(root, True)]
        while todo:
            element, entering = todo.pop()
            if entering and not _is_skipped(element):
                self._enter(element)
                self._write(element.text)
                todo.append((element, False))
                todo += [(child, True) for child in reversed(element)]
                continue
            if not entering:
                self._leave(element)
            if element is not root:
                self._write(element.tail)
        return re.sub(r"[ \t]+\n", "\n", "".join(self._parts)).strip("\n ")

    def _enter(self, element: Any) -> None:
        tag = element.tag
        if tag == "br":
            self._breaks += 1
            self._tabs, self._space = 0, False
        elif tag in _CELLS:
            self._enter_cell(element)
        elif tag == "q":
            self._append("“")
        elif tag in _BLOCKS:
            self._break(element)
        if tag in _LISTS:
            self._lists.append(_first_number(element) if tag == "ol" else None)
        elif tag == "li":
            self._marker = self._take_marker()
        self._preformatted += tag in _PREFORMATTED

    def _leave(self, element: Any) -> None:
        tag = element.tag
        self._preformatted -= tag in _PREFORMATTED
        if tag in _LISTS:
            self._lists.pop()
        if tag == "q":
            self._append("”")
        elif tag in _CELLS:
            if self._cells.pop():
                self._breaks, self._space = max(1, self._breaks), False
        elif tag in _BLOCKS:
            self._break(element)

    def _enter_cell(self, cell: Any) -> None:
        several_lines = _has_several_lines(cell)
        previous = cell.getprevious()
        if several_lines:
            self._breaks = max(1, self._breaks)
        elif previous is not None and previous.tag in _CELLS and not _has_several_lines(previous):
            self._tabs += 1
        self._space = False
        self._cells.append(several_lines)

    def _break(self, block: Any) -> None:
        """Start a new line before or after a block, unless it is the only line of its cell."""
        if block.tag in _TABLE_PARTS or not self._cells or self._cells[-1]:
            margin = block.tag in _WITH_MARGIN and block.getparent() is not None and block.getparent().tag not in _ITEMS
            self._breaks = max(self._breaks, 2 if margin else 1)
            self._tabs, self._space = 0, False

    def _take_marker(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "* "
        self._lists[-1] = number + 1
        return f"{number}. "

    def _write(self, text: str | None) -> None:
        if not text:
            return
        if self._preformatted:
            self._append(text.replace("\r\n", "\n"))
            return
        collapsed = _WHITE_SPACE.sub(" ", text)
        if collapsed == " ":
            self._space = True
            return
        self._space |= collapsed[0] == " "
        self._append(collapsed.strip(" "))
        self._space = collapsed[-1] == " "

    def _append(self, text: str) -> None:
        starts_line = not self._parts or self._breaks or self._tabs or self._parts[-1][-1] in "\n\t "
        before = "\n" * self._breaks if self._parts else ""
        space = " " if self._space and not starts_line else ""
        self._parts.append(before + "\t" * self._tabs + space + self._marker + text)
        self._breaks, self._tabs, self._space, self._marker = 0, 0, False, ""


def _is_skipped(element: Any) -> bool:
    tag = element.tag
    if not isinstance(tag, str) or tag in _SKIPPED or "hidden" in element.attrib:
        return True
    return _HIDING_STYLE.search(element.get("style", "")) is not None


def _has_several_lines(cell: Any) -> bool:
    """Whether a cell contains a table, a line break, or more than one block."""
    blocks = 0
    for child in cell.iterdescendants():
        blocks += child.tag in _BLOCKS
        if blocks > 1 or child.tag in ("br", "table"):
            return True
    return False


def _first_number(element: Any) -> int:
    start = element.get("start", "1").strip()
    return int(start) if re.fullmatch(r"-?[0-9]{1,6}", start) else 1

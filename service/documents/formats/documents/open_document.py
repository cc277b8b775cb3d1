"""OpenDocument texts (.odt, .ott). Needs lxml, of the extra `files`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from glossator.service.documents.formats.documents.document import DocumentSource
from glossator.service.documents.formats.documents.xml_package import XmlPackage, attribute, join_cells, local_name
from glossator.service.documents.record import Record
from glossator.service.documents.sources.reader_errors import as_input_error
from glossator.service.errors import UndecodableFile
from glossator.service.optional_packages import import_optional

_SKIPPED = frozenset([
    "tracked-changes", "sequence-decls", "variable-decls", "user-field-decls", "dde-connection-decls", "forms",
    "annotation", "annotation-end", "desc", "title", "note-citation", "covered-table-cell", "ruby-text", "binary-data",
    "index-title-template", "table-of-content-source", "alphabetical-index-source", "shapes", "event-listeners",
])  # fmt: skip
_MAX_REPEATED = 1_000


class OpenDocumentSource(DocumentSource):
    """The text of an OpenDocument text, one paragraph per line; tabs separate the cells of a table."""

    format = "odt"
    description = "an OpenDocument text"

    def _import_package(self) -> Any:
        return import_optional("lxml.etree", "an OpenDocument text", package="lxml")

    def _read(self, data: bytes) -> Iterator[Record]:
        package = XmlPackage(data, self.name, self.description)
        if "META-INF/manifest.xml" in package and b"encryption-data" in package.read("META-INF/manifest.xml"):
            raise UndecodableFile(
                f"{self.name} is encrypted",
                expected="a document that opens without a password",
                hint="Save it again without a password.",
            )
        root = package.parse("content.xml")
        body = next((each for each in root.iter() if local_name(each) == "text" and "office" in each.tag), None)
        if body is None:
            raise package.damaged("no text document in it")
        try:
            yield Record(1, {"text": "\n".join(_Reader(_hidden_styles(root)).blocks(body))})
        except RecursionError as error:
            raise as_input_error(error, self.name) from None


def _hidden_styles(root: Any) -> set[str]:
    """Return the names of styles of hidden text."""
    return {
        attribute(style, "name") or ""
        for style in root.iter()
        if local_name(style) == "style" and any(attribute(each, "display") == "none" for each in style)
    }


class _Reader:
    """Reads blocks and paragraphs. Notes follow the paragraph that refers to them, and so do text boxes."""

    def __init__(self, hidden_styles: set[str]) -> None:
        self._hidden = hidden_styles
        self._after: list[str] = []

    def blocks(self, container: Any) -> list[str]:
        found: list[str] = []
        for child in container:
            tag = local_name(child)
            if tag in _SKIPPED or self._is_hidden(child):
                continue
            if tag in ("p", "h"):
                outer, self._after = self._after, []
                text = self._inline(child)
                found += [text, *self._after]
                self._after = outer
            elif tag == "list-item":
                first, *rest = self.blocks(child) or [""]
                found += [f"• {first}", *rest]
            elif tag == "table":
                found += self._rows(child)
            else:
                found += self.blocks(child)
        return found

    def _rows(self, table: Any) -> list[str]:
        rows: list[str] = []
        for child in table:
            tag = local_name(child)
            if tag == "table-row":
                cells = ["\n".join(self.blocks(cell)).strip("\n") for cell in child if local_name(cell) == "table-cell"]
                rows.append(join_cells(cells))
            elif tag not in _SKIPPED:
                rows += self._rows(child)
        return rows

    def _inline(self, element: Any) -> str:
        parts = [_collapse(element.text)]
        for child in element:
            tag = local_name(child)
            if tag == "s":
                parts.append(" " * _count(attribute(child, "c")))
            elif tag == "tab":
                parts.append("\t")
            elif tag == "line-break":
                parts.append("\n")
            elif tag == "note":
                self._after += self.blocks(child)
            elif tag in ("text-box", "table"):
                self._after += self._rows(child) if tag == "table" else self.blocks(child)
            elif tag in ("p", "h"):  # in a frame that is anchored here
                self._after.append(self._inline(child))
            elif tag and tag not in _SKIPPED and not self._is_hidden(child):
                parts.append(self._inline(child))
            parts.append(_collapse(child.tail))
        return "".join(parts)

    def _is_hidden(self, element: Any) -> bool:
        if local_name(element) in ("hidden-text", "hidden-paragraph"):
            return attribute(element, "is-hidden") == "true"
        if local_name(element) == "section" and attribute(element, "display") == "none":
            return True
        return bool(self._hidden) and attribute(element, "style-name") in self._hidden


def _collapse(text: str | None) -> str:
    """Return the text with white space as OpenDocument defines it: line breaks and tabs of the XML are spaces."""
    if not text:
        return ""
    collapsed = " ".join(text.replace("\t", " ").replace("\r", " ").replace("\n", " ").split(" "))
    while "  " in collapsed:
        collapsed = collapsed.replace("  ", " ")
    return collapsed


def _count(value: str | None) -> int:
    return min(int(value), _MAX_REPEATED) if value and value.isdecimal() else 1

"""HTML: the text that a browser would show. Needs lxml, of the extra `files`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from glossator.service.documents.formats.documents.document import DocumentSource
from glossator.service.documents.formats.documents.html_text import html_text
from glossator.service.documents.record import Record
from glossator.service.optional_packages import import_optional

_PRESCAN_BYTES = 4096
"""Where a declaration is looked for. The standard says 1,024; pages with long comments declare it later."""
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_XML_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([^"'>]+)["']""")
_CONTENT = re.compile(rb"""\bcontent\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
_HTTP_EQUIV = re.compile(rb"""http-equiv\s*=\s*["']?content-type""", re.IGNORECASE)
_META = re.compile(rb"<meta[\s/][^>]*>", re.IGNORECASE)
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([^\s"'/>;]+)""", re.IGNORECASE)


class HtmlSource(DocumentSource):
    """The text of a page, block by block."""

    format = "html"
    description = "HTML"
    takes_encoding = True

    def _import_package(self) -> Any:
        return import_optional("lxml.html", "HTML", package="lxml")

    def _read(self, data: bytes) -> Iterator[Record]:
        yield Record(1, {"text": html_text(self._decode(data, declared=declared_encoding(data)), self.name)})


def declared_encoding(data: bytes) -> str | None:
    """Return the label of the encoding that a page declares in a `<meta>` or its XML prolog, or None.

    A page that declares UTF-16 in bytes that spell `<meta` is UTF-8, as in the HTML standard.
    """
    head = _COMMENT.sub(b"", data[:_PRESCAN_BYTES])
    label = None
    for tag in _META.finditer(head):
        attributes = _CONTENT.sub(b"", tag[0])
        content = _CONTENT.search(tag[0]) if _HTTP_EQUIV.search(attributes) else None
        found = _CHARSET.search(attributes) or (_CHARSET.search(content[1].strip(b"\"'")) if content else None)
        if found:
            label = found[1]
            break
    if label is None and (prolog := _XML_ENCODING.search(head)):
        label = prolog[1]
    if label is None:
        return None
    text = label.decode("ascii", "replace")
    return "utf-8" if text.lower().startswith("utf-16") else text

"""HTML: the text that a browser would show. Needs inscriptis, of the extra `files`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from glossator.service.documents.formats.document import WholeTextSource
from glossator.service.documents.record import Record
from glossator.service.errors import UndecodableFile
from glossator.service.optional_packages import import_optional


class HtmlSource(WholeTextSource):
    """The text of a page, block by block."""

    format = "html"
    description = "HTML"

    def _import_package(self) -> Any:
        return import_optional("inscriptis", "HTML")

    def _read(self, data: bytes) -> Iterator[Record]:
        yield Record(1, {"text": html_text(self._package, self._decode(data))})


def html_text(inscriptis: Any, markup: str) -> str:
    """Return the text that a browser would show, without white space at its ends."""
    if not markup.strip():
        return ""
    try:
        return cast(str, inscriptis.get_text(markup)).strip()
    except Exception as error:  # lxml raises many kinds of errors
        raise UndecodableFile("the HTML cannot be read", found=error, expected="HTML") from None

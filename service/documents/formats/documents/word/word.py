"""Word documents (.docx, .docm). Needs lxml, of the extra `files`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from glossator.service.documents.formats.documents.document import DocumentSource
from glossator.service.documents.formats.documents.word.text import word_text
from glossator.service.documents.formats.documents.xml_package import XmlPackage
from glossator.service.documents.record import Record
from glossator.service.documents.sources.reader_errors import as_input_error
from glossator.service.optional_packages import import_optional


class WordSource(DocumentSource):
    """The text of a Word document, one paragraph per line; tabs separate the cells of a table."""

    format = "docx"
    description = "a Word document"

    def _import_package(self) -> Any:
        return import_optional("lxml.etree", "a Word document", package="lxml")

    def _read(self, data: bytes) -> Iterator[Record]:
        package = XmlPackage(data, self.name, self.description)
        try:
            text = word_text(package)
        except RecursionError as error:
            raise as_input_error(error, self.name) from None
        yield Record(1, {"text": text})

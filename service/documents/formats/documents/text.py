"""Text files that are one text each."""

from __future__ import annotations

from collections.abc import Iterator

from glossator.service.documents.formats.documents.document import DocumentSource
from glossator.service.documents.record import Record


class WholeTextSource(DocumentSource):
    """A text file as one text."""

    format = "txt"
    description = "plain text"
    takes_encoding = True

    def _read(self, data: bytes) -> Iterator[Record]:
        yield Record(1, {"text": self._decode(data)})


class MarkdownSource(WholeTextSource):
    """A Markdown file as one text, with its marks."""

    format = "md"
    description = "Markdown"

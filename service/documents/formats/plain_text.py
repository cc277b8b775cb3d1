"""Plain text: one document per line. A blank line is an empty document, so that line n is row n."""

from __future__ import annotations

from collections.abc import Iterator

from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.encodings import undecodable_error
from glossator.service.documents.decoding.lines import excerpt
from glossator.service.documents.record import Record
from glossator.service.documents.sources.source import Source, SourceOptions, open_lines


class PlainTextSource(Source):
    """The lines of a text file, in the column `text`."""

    format = "txt"
    columns: tuple[str, ...] = ("text",)

    def __init__(self, path: str, options: SourceOptions) -> None:
        options.refuse_unused("plain text")
        self._lines = open_lines(path, options)
        self.name = self._lines.name
        self.encoding = self._lines.encoding

    def _records(self) -> Iterator[Record]:
        for line in self._lines:
            error = line.error or undecodable_error(line.text, line.number, self._lines.encoding)
            if error is not None:
                yield Record(line.number, {}, error, excerpt(line.text))
            else:
                yield Record(line.number, {"text": line.content})

    def close(self) -> None:
        self._lines.close()

    def decisions(self) -> list[Decision]:
        return self._lines.decisions()

    def details(self) -> list[str]:
        return [self._lines.describe_encoding()]

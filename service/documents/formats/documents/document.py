"""The base of all readers of documents.

A file is read into memory, at most MAX_IN_MEMORY bytes of it. A document that cannot be read is a row with an error, so
that one damaged file does not stop a folder of others.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, cast

from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.document_text import decode_document
from glossator.service.documents.record import Record
from glossator.service.documents.sources.budgets import MAX_IN_MEMORY
from glossator.service.documents.sources.source import Source, SourceOptions, refuse_options
from glossator.service.errors import InputError, TextTooLong, UndecodableFile
from glossator.service.files import compression
from glossator.service.files.paths import STANDARD_STREAM, display_name, open_bytes


class OpenedDocument(Source):
    """The bytes of a document, decompressed, and the options that its format takes."""

    columns: tuple[str, ...] = ("text",)
    description: ClassVar[str]
    """The format in messages, such as `a Word document`."""
    takes_encoding: ClassVar[bool] = False

    def __init__(self, path: str, options: SourceOptions) -> None:
        options.refuse_unused(self.description)
        if not self.takes_encoding:
            refuse_options(self.description, encoding=options.encoding)
        self.name = display_name(path)
        self.encoding = options.encoding
        self._options = options
        self._package = self._import_package()
        self._decisions: list[Decision] = []
        raw = options.stdin if path == STANDARD_STREAM and options.stdin is not None else open_bytes(path)
        self._raw = None if path == STANDARD_STREAM else raw
        self._stream = (
            cast(compression.ByteStream, raw)
            if options.codec is None
            else compression.open_decompressed(raw, options.codec)
        )

    def _import_package(self) -> Any:
        """Return the package that reads the format; raises ExtraMissing."""
        return None

    def decisions(self) -> list[Decision]:
        return self._decisions

    def close(self) -> None:
        if self._raw is not None:
            self._raw.close()


class DocumentSource(OpenedDocument):
    """One document as one row, or one row per page. A format defines `_read`, and `_import_package` if it needs one."""

    _rows: list[Record] | None = None

    @abstractmethod
    def _read(self, data: bytes) -> Iterator[Record]:
        """Yield the rows of a document from the bytes of its file. Raises InputError if it cannot be read."""

    def _records(self) -> Iterator[Record]:
        if self._rows is not None:
            yield from self._rows
            return
        try:
            yield from self._read(self._read_bytes())
        except InputError as error:
            yield Record(1, {}, error)

    def decisions(self) -> list[Decision]:
        """Return the decisions; a document of a text format is read for them."""
        if self.takes_encoding and self._rows is None and self._begun is None:
            self._rows = list(self._records())
        return self._decisions

    def _decode(self, data: bytes, *, declared: str | None = None) -> str:
        """Return the text of the document, and note how it was decoded if that is not certain."""
        decoded = decode_document(data, self.name, requested=self._options.encoding, declared=declared)
        self.encoding = decoded.encoding
        self._decisions += decoded.decisions
        return decoded.text

    def _read_bytes(self) -> bytes:
        data = bytearray()
        try:
            while len(data) <= MAX_IN_MEMORY and (block := self._stream.read1(1 << 20)):
                data += block
        except compression.READ_ERRORS as error:
            raise UndecodableFile(f"{self.name} cannot be read to its end", found=error) from None
        if len(data) > MAX_IN_MEMORY:
            raise TextTooLong(
                f"{self.name} is too large for one document",
                found=f"more than {MAX_IN_MEMORY:,} bytes",
                expected=f"at most {MAX_IN_MEMORY:,} bytes",
                hint="Split it, or read it line by line as .txt.",
            )
        if not data:
            raise UndecodableFile(f"{self.name} is empty", expected=self.description)
        return bytes(data)

"""Documents: each file is one text, or a few. One module per format; plain text read as one text is here.

A file is read into memory, at most MAX_BYTES of it. A document that cannot be read is a row with an error, so that one
damaged file does not stop a folder of others.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, cast

from glossator.service.documents.decoding.encodings import detect_encoding, surrogate_decoder, undecodable_error
from glossator.service.documents.record import Record
from glossator.service.documents.source import Source, SourceOptions, refuse_options
from glossator.service.errors import InputError, TextTooLong, UndecodableFile
from glossator.service.files import compression
from glossator.service.files.paths import STANDARD_STREAM, display_name, open_bytes

MAX_BYTES = 256 << 20


class DocumentSource(Source):
    """One document as one row, or one row per page. A format defines `_read`, and `_import_package` if it needs one."""

    columns: tuple[str, ...] = ("text",)
    description: ClassVar[str]
    """The format in messages, such as `a Word document`."""
    _takes_encoding: ClassVar[bool] = False

    def __init__(self, path: str, options: SourceOptions) -> None:
        refuse_options(self.description, delimiter=options.delimiter, header=options.header)
        if not self._takes_encoding:
            refuse_options(self.description, encoding=options.encoding)
        self.name = display_name(path)
        self.encoding = options.encoding
        self._options = options
        self._package = self._import_package()
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

    @abstractmethod
    def _read(self, data: bytes) -> Iterator[Record]:
        """Yield the rows of a document from the bytes of its file. Raises InputError if it cannot be read."""

    def _records(self) -> Iterator[Record]:
        try:
            yield from self._read(self._read_bytes())
        except InputError as error:
            yield Record(1, {}, error)

    def _read_bytes(self) -> bytes:
        data = bytearray()
        try:
            while len(data) <= MAX_BYTES and (block := self._stream.read1(1 << 20)):
                data += block
        except compression.READ_ERRORS as error:
            raise UndecodableFile(f"{self.name} cannot be read to its end", found=error) from None
        if len(data) > MAX_BYTES:
            raise TextTooLong(
                f"{self.name} is too large for one document",
                found=f"more than {MAX_BYTES:,} bytes",
                expected=f"at most {MAX_BYTES:,} bytes",
                hint="Split it, or read it line by line as .txt.",
            )
        if not data:
            raise UndecodableFile(f"{self.name} is empty", expected=self.description)
        return bytes(data)

    def close(self) -> None:
        if self._raw is not None:
            self._raw.close()


class WholeTextSource(DocumentSource):
    """A text file as one text."""

    format = "txt"
    description = "plain text"
    _takes_encoding = True

    def _read(self, data: bytes) -> Iterator[Record]:
        yield Record(1, {"text": self._decode(data)})

    def _decode(self, data: bytes) -> str:
        detected = detect_encoding(
            data[: 1 << 20], self.name, complete=len(data) <= 1 << 20, requested=self._options.encoding
        )
        text = surrogate_decoder(detected.encoding).decode(data[detected.bom_length :], final=True)
        error = undecodable_error(text, 1, detected.encoding)
        if error is not None:
            raise error
        return text

"""Documents of which each file is a text, or a few: PDF, DOCX, HTML, mail, and plain text taken whole.

The file is read into memory, at most MAX_BYTES of it. A document that cannot be read is a row with an error: one bad
file among many loses nothing. Needs pypdf, python-docx and inscriptis, of the extra `files`.
"""

from __future__ import annotations

import email
import email.policy
import io
import zipfile
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, cast

from glossator.service.documents.decoding.encodings import detect, marking_decoder, undecodable
from glossator.service.documents.record import Record
from glossator.service.documents.source import Options, Source, refuse_options
from glossator.service.errors import InputError, TextTooLong, UndecodableFile, UnreadableRow
from glossator.service.files import compression
from glossator.service.files.paths import STANDARD_STREAM, display_name, open_bytes
from glossator.service.optional_packages import import_optional

MAX_BYTES = 256 << 20


class DocumentSource(Source):
    """One document, as one row or a row a page."""

    columns: tuple[str, ...] = ("text",)
    called: ClassVar[str]

    def __init__(self, path: str, options: Options) -> None:
        refuse_options(self.called, delimiter=options.delimiter, header=options.header)
        if not self._takes_encoding:
            refuse_options(self.called, encoding=options.encoding)
        self.name = display_name(path)
        self.encoding = options.encoding
        self._options = options
        self._library = self._load()
        raw = options.stdin if path == STANDARD_STREAM and options.stdin is not None else open_bytes(path)
        self._raw = None if path == STANDARD_STREAM else raw
        self._stream = (
            cast(compression.ByteStream, raw) if options.codec is None else compression.open_decompressed(raw, options.codec)
        )

    _takes_encoding: ClassVar[bool] = False

    def _load(self) -> Any:
        """The library that reads it; raises ExtraMissing."""
        return None

    @abstractmethod
    def _read(self, data: bytes) -> Iterator[Record]: ...

    def _records(self) -> Iterator[Record]:
        try:
            yield from self._read(self._bytes())
        except InputError as error:
            yield Record(1, {}, error)

    def _bytes(self) -> bytes:
        data = bytearray()
        try:
            while len(data) <= MAX_BYTES and (block := self._stream.read1(1 << 20)):
                data += block
        except compression.READ_ERRORS as error:
            raise UndecodableFile(f"{self.name} cannot be read to its end", found=error) from None
        if len(data) > MAX_BYTES:
            raise TextTooLong(
                f"{self.name} is too large for one document", found=f"more than {MAX_BYTES:,} bytes",
                expected=f"at most {MAX_BYTES:,} bytes", hint="Part it, or read it line by line as .txt.",
            )  # fmt: skip
        if not data:
            raise UndecodableFile(f"{self.name} is empty", expected=self.called)
        return bytes(data)

    def close(self) -> None:
        if self._raw is not None:
            self._raw.close()


class WholeTextSource(DocumentSource):
    """A text file as one text."""

    format = "txt"
    called = "plain text"
    _takes_encoding = True

    def _read(self, data: bytes) -> Iterator[Record]:
        yield Record(1, {"text": self._decoded(data)})

    def _decoded(self, data: bytes) -> str:
        found = detect(data[: 1 << 20], self.name, whole=len(data) <= 1 << 20, asked=self._options.encoding)
        text = marking_decoder(found.encoding).decode(data[found.mark :], final=True)
        error = undecodable(text, 1, found.encoding)
        if error is not None:
            raise error
        return text


class HtmlSource(WholeTextSource):
    """The text that a browser would show, block by block."""

    format = "html"
    called = "HTML"

    def _load(self) -> Any:
        return import_optional("inscriptis", "HTML")

    def _read(self, data: bytes) -> Iterator[Record]:
        yield Record(1, {"text": html_text(self._library, self._decoded(data))})


class DocxSource(DocumentSource):
    """The paragraphs and tables of a Word document, in order, a line each; cells are parted by tabs."""

    format = "docx"
    called = "a Word document"

    def _load(self) -> Any:
        return import_optional("docx", "a Word document", package="python-docx")

    def _read(self, data: bytes) -> Iterator[Record]:
        _check_ratio(data, self.name)
        try:
            document = self._library.Document(io.BytesIO(data))
            lines = [_line(block) for block in document.iter_inner_content()]
        except Exception as error:  # whatever a damaged file makes the library raise
            raise UndecodableFile(
                f"{self.name} is not a whole Word document", found=error, expected=".docx",
                hint="Save it again as .docx; old .doc files and protected ones are not read.",
            ) from None  # fmt: skip
        yield Record(1, {"text": "\n".join(lines)})


class PdfSource(DocumentSource):
    """The text layer of a PDF, a row a page, with `page` (from 1) and `offset`, the place of the page's text in that of
    the whole document; or in one row, pages parted by form feeds. Pictures of text are not read (no OCR)."""

    format = "pdf"
    called = "a PDF"

    def __init__(self, path: str, options: Options) -> None:
        self.columns = ("text",) if options.whole else ("text", "page", "offset")
        super().__init__(path, options)

    def _load(self) -> Any:
        return import_optional("pypdf", "PDF")

    def _read(self, data: bytes) -> Iterator[Record]:
        try:
            reader = self._library.PdfReader(io.BytesIO(data), strict=False)
            if reader.is_encrypted and not reader.decrypt(""):
                raise UndecodableFile(
                    f"{self.name} is encrypted", expected="a PDF that opens without a password",
                    hint="Save it again without one.",
                )  # fmt: skip
            count = len(reader.pages)
        except InputError:
            raise
        except Exception as error:  # whatever a damaged file makes the library raise
            raise UndecodableFile(f"{self.name} is not a whole PDF", found=error, expected="PDF") from None
        pages = [self._page(reader, number) for number in range(count)]
        if not any(isinstance(page, str) and page.strip() for page in pages):
            fault = next((page for page in pages if isinstance(page, InputError)), None)
            raise fault or UndecodableFile(
                f"{self.name} has no text layer", found=f"{count} pages of pictures", expected="text",
                hint="Recognise the text first (OCR): it is not done here.",
            )  # fmt: skip
        if self._options.whole:
            yield self._joined(pages)
            return
        offset = 0
        for number, page in enumerate(pages, start=1):
            if isinstance(page, InputError):
                yield Record(number, {}, page)
                continue
            yield Record(number, {"text": page, "page": number, "offset": offset})
            offset += len(page) + 1

    def _joined(self, pages: list[str | InputError]) -> Record:
        for page in pages:
            if isinstance(page, InputError):
                return Record(1, {}, page)
        return Record(1, {"text": "\f".join(cast(list[str], pages))})

    def _page(self, reader: Any, number: int) -> str | InputError:
        try:
            return cast(str, reader.pages[number].extract_text())
        except Exception as error:  # whatever a damaged page makes the library raise
            return UnreadableRow(f"page {number + 1} of {self.name} cannot be read", found=error, expected="PDF")


class MailSource(DocumentSource):
    """A mail (RFC 5322, MIME): its plain text, else what its HTML shows, with `subject`, `from`, `to` and `date`.
    Attachments are not read."""

    format = "eml"
    called = "a mail"
    columns = ("text", "subject", "from", "to", "date")

    def _read(self, data: bytes) -> Iterator[Record]:
        message = email.message_from_bytes(data, policy=email.policy.default)
        body = message.get_body(preferencelist=("plain", "html"))
        if body is None or not message.keys():
            raise UndecodableFile(f"{self.name} is no mail with a text", expected="a mail as RFC 5322 has it")
        try:
            text = str(body.get_content())
            headers = {name: None if message[name] is None else str(message[name]) for name in self.columns[1:]}
        except (LookupError, ValueError) as error:  # a character set that nobody knows
            raise UndecodableFile(f"{self.name} cannot be decoded", found=error, expected="a mail") from None
        if body.get_content_subtype() == "html":
            text = html_text(import_optional("inscriptis", "HTML"), text)
        yield Record(1, {"text": text, **headers})


def html_text(library: Any, markup: str) -> str:
    """What a browser would show of some HTML, white space at the ends taken off."""
    if not markup.strip():
        return ""
    try:
        return cast(str, import_optional.get_text(markup)).strip()
    except Exception as error:  # lxml's errors are of many kinds
        raise UndecodableFile("the HTML cannot be read", found=error, expected="HTML") from None


def _line(block: Any) -> str:
    if hasattr(block, "rows"):
        return "\n".join("\t".join(cell.text for cell in row.cells) for row in block.rows)
    return str(block.text)


def _check_ratio(data: bytes, name: str) -> None:
    """Raises InputError for a packed document that expands to more than it should: a bomb."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            expands = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError):
        return  # its own reader says what is wrong
    if (error := compression.expansion_error(name, len(data), expands)) is not None:
        raise error

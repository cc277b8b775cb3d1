"""PDF: the text layer. Text in pictures is not read (no OCR). Needs pypdf, of the extra `files`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, cast

from glossator.service.documents.formats.document import DocumentSource
from glossator.service.documents.record import Record
from glossator.service.documents.source import SourceOptions
from glossator.service.errors import InputError, UndecodableFile, UnreadableRow
from glossator.service.optional_packages import import_optional


class PdfSource(DocumentSource):
    """One row per page, with `page` (from 1) and `offset`, where the page's text begins in the text of the document.

    With `whole_file`, one row; form feeds separate the pages.
    """

    format = "pdf"
    description = "a PDF"

    def __init__(self, path: str, options: SourceOptions) -> None:
        self.columns = ("text",) if options.whole_file else ("text", "page", "offset")
        super().__init__(path, options)

    def _import_package(self) -> Any:
        return import_optional("pypdf", "PDF")

    def _read(self, data: bytes) -> Iterator[Record]:
        try:
            reader = self._package.PdfReader(io.BytesIO(data), strict=False)
            if reader.is_encrypted and not reader.decrypt(""):
                raise UndecodableFile(
                    f"{self.name} is encrypted",
                    expected="a PDF that opens without a password",
                    hint="Save it again without a password.",
                )
            count = len(reader.pages)
        except InputError:
            raise
        except Exception as error:  # a damaged file makes the package raise many kinds of errors
            raise UndecodableFile(f"{self.name} is not a complete PDF", found=error, expected="PDF") from None
        pages = [self._page_text(reader, number) for number in range(count)]
        if not any(isinstance(page, str) and page.strip() for page in pages):
            fault = next((page for page in pages if isinstance(page, InputError)), None)
            raise fault or UndecodableFile(
                f"{self.name} has no text layer",
                found=f"{count} pages without text",
                expected="text",
                hint="Run OCR on it first: Glossator does not.",
            )
        if self._options.whole_file:
            yield self._join(pages)
            return
        offset = 0
        for number, page in enumerate(pages, start=1):
            if isinstance(page, InputError):
                yield Record(number, {}, page)
                continue
            yield Record(number, {"text": page, "page": number, "offset": offset})
            offset += len(page) + 1

    def _join(self, pages: list[str | InputError]) -> Record:
        for page in pages:
            if isinstance(page, InputError):
                return Record(1, {}, page)
        return Record(1, {"text": "\f".join(cast(list[str], pages))})

    def _page_text(self, reader: Any, number: int) -> str | InputError:
        try:
            return cast(str, reader.pages[number].extract_text())
        except Exception as error:  # a damaged page makes the package raise many kinds of errors
            return UnreadableRow(f"page {number + 1} of {self.name} cannot be read", found=error, expected="PDF")

"""PDF: the text layer. Text in pictures is not read (no OCR). Needs pypdf, of the extra `files`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, cast

from glossator.service.documents.formats.documents.document import DocumentSource
from glossator.service.documents.formats.documents.pdf_warnings import collect_warnings
from glossator.service.documents.record import Record
from glossator.service.documents.reports import report_progress, report_warning
from glossator.service.documents.sources.source import SourceOptions
from glossator.service.errors import EmptyText, InputError, UndecodableFile, UnreadableRow
from glossator.service.optional_packages import import_optional

_NAMED_PAGES = 10


class PdfSource(DocumentSource):
    """One row per page, with `page` (from 1) and `offset`, where the page's text begins in the text of the document.

    A page without text is a row with an error. With `whole_file`, one row; form feeds separate the pages.
    """

    format = "pdf"
    description = "a PDF"

    def __init__(self, path: str, options: SourceOptions) -> None:
        self.columns = ("text",) if options.whole_file else ("text", "page", "offset")
        super().__init__(path, options)

    def _import_package(self) -> Any:
        return import_optional("pypdf", "PDF")

    def _read(self, data: bytes) -> Iterator[Record]:
        with collect_warnings(self.name):
            pages = self._read_pages(data)
        if not any(isinstance(page, str) for page in pages):
            damaged = next((page for page in pages if isinstance(page, UnreadableRow)), None)
            raise damaged or UndecodableFile(
                f"{self.name} has no text layer",
                found=f"{len(pages)} pages without text",
                expected="text",
                hint="Run OCR on it first: Glossator does not.",
            )
        if self._options.whole_file:
            yield self._join(pages)
            return
        offset = 0
        for number, page in enumerate(pages, start=1):
            if isinstance(page, InputError):
                yield Record(number, {"page": number}, page)
                offset += 1
            else:
                yield Record(number, {"text": page, "page": number, "offset": offset})
                offset += len(page) + 1

    def _read_pages(self, data: bytes) -> list[str | InputError]:
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
        return [self._page_text(reader, number) for number in range(count)]

    def _page_text(self, reader: Any, number: int) -> str | InputError:
        report_progress()
        name = f"page {number + 1} of {self.name}"
        try:
            page = reader.pages[number]
            text = cast(str, page.extract_text())
            if text.strip():
                return text
            if _has_pictures(page):
                return EmptyText(
                    f"{name} has no text layer", found="only pictures", hint="Run OCR on it first: Glossator does not."
                )
            return EmptyText(f"{name} has no text")
        except Exception as error:  # a damaged page makes the package raise many kinds of errors
            return UnreadableRow(f"{name} cannot be read", found=error, expected="PDF")

    def _join(self, pages: list[str | InputError]) -> Record:
        """Return all pages as one text. A page that cannot be read is an error; one of pictures is reported."""
        for page in pages:
            if isinstance(page, UnreadableRow):
                return Record(1, {}, page)
        pictures = [number for number, page in enumerate(pages, start=1) if isinstance(page, EmptyText) and page.found]
        if pictures:
            named = ", ".join(map(str, pictures[:_NAMED_PAGES])) + (", ..." if len(pictures) > _NAMED_PAGES else "")
            report_warning(f"{self.name}: pages without a text layer, only pictures, are not read: {named}")
        return Record(1, {"text": "\f".join(page if isinstance(page, str) else "" for page in pages)})


def _has_pictures(page: Any) -> bool:
    resources = page.get("/Resources")
    objects: Any = None if resources is None else resources.get_object().get("/XObject")
    if objects is None:
        return False
    return any(each.get_object().get("/Subtype") in ("/Image", "/Form") for each in objects.get_object().values())

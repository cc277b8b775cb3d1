"""EPUB books: one row per chapter. Needs lxml, of the extra `files`."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from glossator.service.documents.decoding.document_text import decode_document
from glossator.service.documents.formats.documents.document import DocumentSource
from glossator.service.documents.formats.documents.html import declared_encoding
from glossator.service.documents.formats.documents.html_text import html_text
from glossator.service.documents.formats.documents.xml_package import XmlPackage, attribute, local_name
from glossator.service.documents.record import Record
from glossator.service.documents.sources.source import SourceOptions
from glossator.service.errors import InputError, UndecodableFile
from glossator.service.optional_packages import import_optional

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


class EpubSource(DocumentSource):
    """The chapters of a book in reading order, each with the name of its file in `chapter`.

    With `whole_file`, one row; form feeds separate the chapters. Chapters without text, such as covers, are left out.
    """

    format = "epub"
    description = "an EPUB book"

    def __init__(self, path: str, options: SourceOptions) -> None:
        self.columns = ("text",) if options.whole_file else ("text", "chapter")
        super().__init__(path, options)

    def _import_package(self) -> Any:
        return import_optional("lxml.html", "an EPUB book", package="lxml")

    def _read(self, data: bytes) -> Iterator[Record]:
        package = XmlPackage(data, self.name, self.description)
        chapters = [(path, self._chapter(package, path)) for path in self._reading_order(package)]
        chapters = [(path, text) for path, text in chapters if isinstance(text, InputError) or text.strip()]
        if not chapters:
            raise UndecodableFile(f"{self.name} has no text", expected="text", hint="Its pages may be pictures.")
        if self._options.whole_file:
            for _, text in chapters:
                if isinstance(text, InputError):
                    raise text
            yield Record(1, {"text": "\f".join(str(text) for _, text in chapters)})
            return
        for number, (path, text) in enumerate(chapters, start=1):
            if isinstance(text, InputError):
                yield Record(number, {"chapter": path}, text)
            else:
                yield Record(number, {"text": text, "chapter": path})

    def _reading_order(self, package: XmlPackage) -> list[str]:
        roots = [each for each in package.parse(_CONTAINER).iter() if local_name(each) == "rootfile"]
        if not roots:
            raise package.damaged("no root file in its container")
        path = attribute(roots[0], "full-path") or ""
        book = package.parse(path)
        if _ENCRYPTION in package and self._encrypts_text(package):
            raise UndecodableFile(
                f"{self.name} is protected (DRM)", expected="a book without protection", hint="Read another copy."
            )
        files = {
            attribute(item, "id"): posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(href)))
            for item in book.iter()
            if local_name(item) == "item"
            and (href := attribute(item, "href"))
            and attribute(item, "media-type") in _PAGES
        }
        spine = [attribute(item, "idref") for item in book.iter() if local_name(item) == "itemref"]
        found = [files[each] for each in spine if each in files]
        if not found:
            raise package.damaged("no chapters in its reading order")
        return found

    def _encrypts_text(self, package: XmlPackage) -> bool:
        """Return whether more than fonts is encrypted."""
        targets = [attribute(each, "URI") or "" for each in package.parse(_ENCRYPTION).iter()]
        return any(target.lower().endswith((".html", ".xhtml", ".htm", ".xml")) for target in targets)

    def _chapter(self, package: XmlPackage, path: str) -> str | InputError:
        name = f"{path} of {self.name}"
        try:
            data = package.read(path)
            if not data.strip():
                return ""
            return html_text(decode_document(data, name, declared=declared_encoding(data)).text, name)
        except InputError as error:
            return error

"""Word documents (.docx). Needs python-docx, of the extra `files`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from glossator.service.documents.formats.document import DocumentSource
from glossator.service.documents.record import Record
from glossator.service.errors import UndecodableFile
from glossator.service.files.compression import expansion_error
from glossator.service.optional_packages import import_optional


class WordSource(DocumentSource):
    """The paragraphs and tables of a Word document, in order, one per line; tabs separate the cells of a table."""

    format = "docx"
    description = "a Word document"

    def _import_package(self) -> Any:
        return import_optional("docx", "a Word document", package="python-docx")

    def _read(self, data: bytes) -> Iterator[Record]:
        _check_expansion(data, self.name)
        try:
            document = self._package.Document(io.BytesIO(data))
            blocks = [_block_text(block) for block in document.iter_inner_content()]
        except Exception as error:  # a damaged file makes the package raise many kinds of errors
            raise UndecodableFile(
                f"{self.name} is not a complete Word document",
                found=error,
                expected=".docx",
                hint="Save it again as .docx; old .doc files and protected files are not read.",
            ) from None
        yield Record(1, {"text": "\n".join(blocks)})


def _block_text(block: Any) -> str:
    if hasattr(block, "rows"):
        return "\n".join("\t".join(cell.text for cell in row.cells) for row in block.rows)
    return str(block.text)


def _check_expansion(data: bytes, name: str) -> None:
    """Raise InputError if the document, a ZIP archive, expands to more than is allowed."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            expanded = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError):
        return  # python-docx reports what is wrong
    if (error := expansion_error(name, len(data), expanded)) is not None:
        raise error

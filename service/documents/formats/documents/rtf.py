"""Rich Text Format (.rtf)."""

from __future__ import annotations

from collections.abc import Iterator

from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.encoding_labels import find_encoding
from glossator.service.documents.formats.documents.document import DocumentSource
from glossator.service.documents.formats.documents.rtf_text import rtf_text
from glossator.service.documents.record import Record
from glossator.service.errors import ConfigError


class RtfSource(DocumentSource):
    """The text of an RTF document, one paragraph per line. `encoding` is its code page if it declares none."""

    format = "rtf"
    description = "an RTF document"
    takes_encoding = True

    def _read(self, data: bytes) -> Iterator[Record]:
        requested = self._options.encoding
        if requested is not None and find_encoding(requested) is None:
            raise ConfigError("unknown encoding", found=requested, expected="a text encoding, such as windows-1250")
        found = rtf_text(data, self.name, code_page=requested)
        if found.assumed:
            why = "the document declares no code page"
            self._decisions.append(Decision("encoding", "windows-1252", why, option="--encoding", guessed=True))
        if found.contradicted_by:
            why = "the character set of a font; the code page of the document is another one"
            self._decisions.append(Decision("encoding", "windows-1252", why, found.contradicted_by, guessed=True))
        yield Record(1, {"text": found.text})

"""Mail (RFC 5322, MIME): its text and headers. Attachments are not read."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator

from glossator.service.documents.formats.document import DocumentSource
from glossator.service.documents.formats.html import html_text
from glossator.service.documents.record import Record
from glossator.service.errors import UndecodableFile
from glossator.service.optional_packages import import_optional


class MailSource(DocumentSource):
    """The plain text of a mail, or the text of its HTML if there is no plain text, and the headers in `columns`."""

    format = "eml"
    description = "a mail"
    columns = ("text", "subject", "from", "to", "date")

    def _read(self, data: bytes) -> Iterator[Record]:
        message = email.message_from_bytes(data, policy=email.policy.default)
        body = message.get_body(preferencelist=("plain", "html"))
        if body is None or not message.keys():
            raise UndecodableFile(f"{self.name} is not a mail with a text", expected="a mail (RFC 5322)")
        try:
            text = str(body.get_content())
            headers = {name: None if message[name] is None else str(message[name]) for name in self.columns[1:]}
        except (LookupError, ValueError) as error:  # an unknown character set
            raise UndecodableFile(f"{self.name} cannot be decoded", found=error, expected="a mail") from None
        if body.get_content_subtype() == "html":
            text = html_text(import_optional("inscriptis", "HTML"), text)
        yield Record(1, {"text": text, **headers})

"""Mail (RFC 5322, MIME): its text, headers and the names of its attachments. Attachments are not read."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator

from glossator.service.documents.decision import Decision
from glossator.service.documents.formats.documents.document import DocumentSource
from glossator.service.documents.formats.documents.mail.body import read_body
from glossator.service.documents.formats.documents.mail.headers import header_text
from glossator.service.documents.record import Record
from glossator.service.documents.sources.reader_errors import as_input_error
from glossator.service.errors import InputError, UndecodableFile

MAIL_COLUMNS = ("text", "subject", "from", "to", "date", "attachments")


class MailSource(DocumentSource):
    """The inline text of a mail, its headers, and the names of its attachments, separated by commas."""

    format = "eml"
    description = "a mail"
    columns = MAIL_COLUMNS
    takes_encoding = True

    def _read(self, data: bytes) -> Iterator[Record]:
        fields, decisions = read_mail(data, self.name, encoding=self._options.encoding)
        self._decisions += decisions
        yield Record(1, fields)


def read_mail(data: bytes, name: str, *, encoding: str | None = None) -> tuple[dict[str, object], list[Decision]]:
    """Return the fields of a mail by MAIL_COLUMNS, and how it was decoded if that is not certain.

    Raises InputError if it is not a mail with a text, or cannot be decoded.
    """
    try:
        message = email.message_from_bytes(data, policy=email.policy.compat32)
        if not message.keys():
            raise UndecodableFile(f"{name} is not a mail: it has no headers", expected="a mail (RFC 5322)")
        body = read_body(message, name, encoding=encoding)
        headers = {header: header_text(message, header, name, body.decisions) for header in MAIL_COLUMNS[1:-1]}
    except (InputError, MemoryError, RecursionError) as error:
        raise as_input_error(error, name) from None
    except Exception as error:  # a malformed mail makes the parser raise many kinds of errors
        raise UndecodableFile(f"{name} cannot be read as a mail", found=error, expected="a mail (RFC 5322)") from None
    if not body.texts and body.attachments:
        raise UndecodableFile(
            f"{name} has no text, only attachments",
            found=", ".join(body.attachments),
            expected="a mail with a text",
            hint="Save the attachments as files and read those. Decrypt an encrypted mail first.",
        )
    fields: dict[str, object] = {"text": body.text, **headers, "attachments": ", ".join(body.attachments) or None}
    return fields, body.decisions

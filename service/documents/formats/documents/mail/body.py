"""The text of a mail: its inline text parts in order, decoded strictly, and the names of its attachments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import (
    InvalidBase64CharactersDefect,
    InvalidBase64LengthDefect,
    InvalidBase64PaddingDefect,
)
from email.message import Message

from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.document_text import decode_document
from glossator.service.documents.decoding.encoding_labels import find_encoding
from glossator.service.documents.formats.documents.html import declared_encoding
from glossator.service.documents.formats.documents.html_text import html_text
from glossator.service.documents.formats.documents.mail.headers import decode_header
from glossator.service.errors import UndecodableFile

_NOT_SHOWN = frozenset(
    "calendar csv css directory rfc822-headers rtf tab-separated-values vcard x-amp-html x-vcard xml".split()  # noqa: SIM905
)
"""Sub-types of `text` that mail programs treat as attachments."""
_DAMAGED_BASE64 = (InvalidBase64CharactersDefect, InvalidBase64LengthDefect, InvalidBase64PaddingDefect)
_MAX_DEPTH = 50
_STUB_SUBJECT = re.compile(r"\b(?:html|client|browser|mail (?:program|reader)|mailer|online)", re.IGNORECASE)
_STUB_VERB = re.compile(
    r"\bnot\b|n't\b|\b(?:view|see|read|display|support|enable|unterst|darstell|anzeig|affich|mostrar|visualiz)",
    re.IGNORECASE,
)
_STUB_CHARACTERS = 400
_QUOTE = re.compile(r"^(>*)(.*)$", re.DOTALL)


@dataclass(slots=True)
class MailBody:
    """The texts of the parts, the names of the attachments, and how the parts were decoded if that is not certain."""

    texts: list[str] = field(default_factory=list)
    attachments: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The texts, with a blank line between them."""
        return "\n\n".join(text for text in (each.strip("\r\n") for each in self.texts) if text.strip())


def read_body(message: Message, name: str, *, encoding: str | None = None) -> MailBody:
    """Return the text of a mail.

    Args:
        message: The mail, parsed with `email.policy.compat32`.
        name: The mail in errors.
        encoding: For parts that declare no encoding that is known.

    Raises:
        UndecodableFile: A part is damaged, or its encoding is not certain.
        UndecodableText: The bytes of a part are not in the encoding that it declares.
    """
    body = MailBody()
    _collect(message, name, encoding, body, 0)
    return body


def _collect(part: Message, name: str, encoding: str | None, body: MailBody, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise UndecodableFile(f"{name} has parts nested more than {_MAX_DEPTH} levels deep", expected="a mail")
    kind = part.get_content_type()
    if part.get_content_disposition() == "attachment" or (kind.startswith("text/") and kind[5:] in _NOT_SHOWN):
        body.attachments.append(_attachment_name(part, name, body))
    elif part.is_multipart():
        children = [child for child in part.get_payload() if isinstance(child, Message)]
        if kind == "multipart/alternative":
            _collect_alternative(children, name, encoding, body, depth)
        elif kind.startswith("multipart/") or kind == "message/rfc822":
            for child in children:
                _collect(child, name, encoding, body, depth + 1)
        else:  # a delivery report and other messages for machines
            body.attachments.append(_attachment_name(part, name, body))
    elif kind.startswith("multipart/"):
        raise UndecodableFile(
            f"{name} is damaged: its parts are not separated", expected="the boundary that its Content-Type names"
        )
    elif kind.startswith("text/"):
        body.texts.append(_part_text(part, name, encoding, body))
    else:
        body.attachments.append(_attachment_name(part, name, body))


def _collect_alternative(children: list[Message], name: str, encoding: str | None, body: MailBody, depth: int) -> None:
    """Add the plain text of alternatives, or the next one if it is blank or only says that there is another one."""
    read = []
    for child in children:
        alternative = MailBody()
        _collect(child, name, encoding, alternative, depth + 1)
        read.append((child.get_content_type() == "text/plain", alternative))
    others = [each for is_plain, each in read if not is_plain and each.text.strip()]
    other = max(others, key=lambda each: len(each.text), default=MailBody())
    plain = next((each for is_plain, each in read if is_plain and each.text.strip()), other)
    chosen = other if is_stub(plain.text, other.text) else plain
    body.texts += chosen.texts
    body.decisions += chosen.decisions
    for _, each in read:
        body.attachments += each.attachments


def is_stub(plain: str, other: str) -> bool:
    """Return whether a short plain text probably only says that the mail program cannot show the other text.

    The other text is the complete one in any case, so that a wrong guess loses nothing.

    >>> is_stub("Your client does not support HTML mails.", "Where is my parcel?")
    True
    """
    text = plain.strip()
    if not other.strip() or len(text) > _STUB_CHARACTERS:
        return False
    return _STUB_SUBJECT.search(text) is not None and _STUB_VERB.search(text) is not None


def _part_text(part: Message, name: str, encoding: str | None, body: MailBody) -> str:
    data = _part_bytes(part, name)
    if not data:
        return ""
    is_html = part.get_content_subtype() in ("html", "xhtml", "enriched")
    declared = _declared_charset(part, data)
    if is_html and (declared is None or find_encoding(declared) is None):
        declared = declared_encoding(data) or declared
    known = declared is not None and find_encoding(declared) is not None
    decoded = decode_document(data, name, requested=None if known else encoding, declared=declared)
    body.decisions += decoded.decisions
    if is_html:
        return html_text(decoded.text, name)
    text = decoded.text.replace("\r\n", "\n")
    if str(part.get_param("format", "")).lower() == "flowed":
        return join_flowed(text, delete_space=str(part.get_param("delsp", "")).lower() == "yes")
    return text


def _declared_charset(part: Message, data: bytes) -> str | None:
    """Return the charset of a part; None if there is none, or ASCII is declared for bytes that are not ASCII."""
    charset = part.get_param("charset")
    if isinstance(charset, tuple):  # RFC 2231: charset, language, value
        charset = charset[2]
    if not charset:
        return None
    label = str(charset).strip()
    is_ascii = label.lower().replace("_", "-") in ("us-ascii", "ascii", "ansi-x3.4-1968")
    return None if is_ascii and not data.isascii() else label


def _part_bytes(part: Message, name: str) -> bytes:
    before = len(part.defects)
    payload = part.get_payload(decode=True)
    for defect in part.defects[before:]:
        if isinstance(defect, _DAMAGED_BASE64):
            raise UndecodableFile(
                f"a part of {name} is damaged: it is not complete base64 data",
                expected="base64 data, as its Content-Transfer-Encoding says",
                hint="Save the mail again.",
            )
    return payload if isinstance(payload, bytes) else b""


def _attachment_name(part: Message, name: str, body: MailBody) -> str:
    filename = part.get_filename()
    if not filename:
        return part.get_content_type()
    return decode_header(filename, f"the name of an attachment of {name}", body.decisions)


def join_flowed(text: str, *, delete_space: bool = False) -> str:
    """Return the text of format=flowed (RFC 3676) with the lines of a paragraph joined.

    >>> join_flowed("Where is \\nmy parcel?\\n-- \\nAda")
    'Where is my parcel?\\n-- \\nAda'
    """
    return "\n".join(_flowed_lines(text.split("\n"), delete_space))


def _flowed_lines(lines: list[str], delete_space: bool) -> Iterator[str]:
    paragraph, depth = "", None
    for line in lines:
        marks, content = _QUOTE.match(line).groups()  # type: ignore[union-attr]  # matches any line
        content = content.removeprefix(" ")
        if depth is not None and (depth != len(marks) or content == "-- "):
            yield paragraph
            paragraph, depth = "", None
        start = "" if depth is not None or not marks else f"{marks} "
        paragraph += start + content
        if content.endswith(" ") and content != "-- ":
            paragraph = paragraph.removesuffix(" ") if delete_space else paragraph
            depth = len(marks)
        else:
            yield paragraph
            paragraph, depth = "", None
    if depth is not None:
        yield paragraph

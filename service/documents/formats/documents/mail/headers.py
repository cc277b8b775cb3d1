"""Headers of a mail as text: encoded words (RFC 2047), folded lines, and raw bytes beyond ASCII.

The bytes are decoded strictly. The parser of the standard library replaces what it cannot decode, and fails on some
malformed addresses (`From: :;<`); here such a header is text like any other.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import replace
from email.message import Message

from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.document_text import decode_document

_ENCODED_WORD = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t\r\n]+(?==\?[^?\s]+\?[bBqQ]\?)")
_FOLD = re.compile(r"\r?\n[ \t]*")


def header_text(message: Message, header: str, name: str, decisions: list[Decision]) -> str | None:
    """Return the value of the first header of this name, or None if there is none.

    Adds to `decisions` how it was decoded if that is not certain. Raises InputError if its bytes cannot be decoded;
    `name` names the mail.
    """
    for key, value in message.raw_items():
        if key.lower() == header:
            return decode_header(str(value), f"the header {header} of {name}", decisions)
    return None


def decode_header(value: str, name: str, decisions: list[Decision]) -> str:
    """Return a header's value as text; bytes beyond ASCII are lone surrogates in `value`."""
    value = _FOLD.sub(" ", value).strip()
    value = _BETWEEN_WORDS.sub(r"\1", value)
    parts: list[tuple[str | None, bytes]] = []
    place = 0
    for word in _ENCODED_WORD.finditer(value):
        decoded = _decode_word(word[2], word[3])
        if decoded is None:
            continue  # damaged: stays as it is written
        parts.append((None, _raw(value[place : word.start()])))
        label = word[1].split("*")[0]  # RFC 2231 allows a language after the charset
        if parts[-1][1] == b"" and len(parts) > 1 and parts[-2][0] == label:
            parts[-2:] = [(label, parts[-2][1] + decoded)]  # a character may be split between two words
        else:
            parts.append((label, decoded))
        place = word.end()
    parts.append((None, _raw(value[place:])))
    texts = [decode_document(data, name, declared=label) for label, data in parts if data]
    decisions += [replace(each, subject="encoding of a header") for part in texts for each in part.decisions]
    return "".join(part.text for part in texts)


def _raw(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _decode_word(kind: str, text: str) -> bytes | None:
    if kind in "qQ":
        return binascii.a2b_qp(text.encode("utf-8", "surrogateescape"), header=True)
    try:
        return base64.b64decode(text.encode("ascii", "replace") + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return None

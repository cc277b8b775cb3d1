"""Decodes a document or a part of it strictly: nothing that its bytes do not say, and no replacement characters.

The rules, in order: a byte-order mark, the encoding that the caller names, the encoding that the document declares,
UTF-8 if the bytes are UTF-8, and a guess (`legacy_detection`) that the user sees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.encoding_labels import find_encoding
from glossator.service.documents.decoding.encodings import (
    BYTE_ORDER_MARKS,
    detect_encoding,
    surrogate_decoder,
    undecodable_error,
)
from glossator.service.documents.decoding.iso2022jp import decode_iso2022jp
from glossator.service.errors import UndecodableText

_SAMPLE_BYTES = 1 << 20
_SURROGATE = re.compile("[\ud800-\udfff]")
"""What `surrogate_decoder` writes for bytes that it cannot decode."""


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The text, its encoding, and the decisions for an encoding that is not certain."""

    text: str
    encoding: str
    decisions: tuple[Decision, ...] = ()


def decode_document(
    data: bytes, name: str, *, requested: str | None = None, declared: str | None = None
) -> DecodedText:
    """Return the text of a document.

    Args:
        data: The bytes.
        name: The document in errors.
        requested: The encoding that the caller names.
        declared: The label that the document declares, in any spelling.

    Raises:
        UndecodableFile: No encoding is certain enough, or the data are binary.
        UndecodableText: The bytes are not in the requested or declared encoding.
    """
    marked = any(data.startswith(mark) for mark in BYTE_ORDER_MARKS)
    if requested is None and declared and not marked:
        encoding = find_encoding(declared)
        if encoding is not None:
            return DecodedText(decode_declared(data, name, encoding, declared), encoding, _doubts(data, encoding))
    found = detect_encoding(data[:_SAMPLE_BYTES], name, complete=len(data) <= _SAMPLE_BYTES, requested=requested)
    text = surrogate_decoder(found.encoding).decode(data[found.bom_length :], final=True)
    undecoded = _SURROGATE.search(text)
    line = 1 if undecoded is None else 1 + text.count("\n", 0, undecoded.start())
    error = undecodable_error(text, line, found.encoding)
    if error is not None:
        raise error
    decisions = found.decisions()
    if requested is None and declared and not marked and not decisions:
        why = f"the declared encoding {declared} is not known; the bytes are valid {found.encoding}"
        decisions = [Decision("encoding", found.encoding, why, option="--encoding")]
    return DecodedText(text, found.encoding, tuple(decisions))


def decode_declared(data: bytes, name: str, encoding: str, declared: str) -> str:
    """Return the text in the encoding that the document declares, or raise UndecodableText."""
    try:
        return decode_iso2022jp(data) if encoding == "iso-2022-jp" else data.decode(encoding)
    except UnicodeDecodeError as error:
        around = data[max(0, error.start - 20) : error.start + 20]
        raise UndecodableText(
            f"{name} declares the encoding {declared}, but its bytes are not in it",
            found=around.decode("ascii", "backslashreplace"),
            expected=encoding,
            hint="Name the right encoding with --encoding, or save the document again.",
        ) from None


def _doubts(data: bytes, encoding: str) -> tuple[Decision, ...]:
    """Return a decision if the bytes are UTF-8 too: text in another encoding hardly ever is by chance."""
    if encoding == "utf-8" or data.isascii():
        return ()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return ()
    why = "declared by the document, but the bytes are valid UTF-8 too"
    return (Decision("encoding", encoding, why, "utf-8", "--encoding", guessed=True),)

"""Refuses rows with U+FFFD, the character that programs write for bytes that they could not decode.

No reader writes it: bytes that cannot be decoded are errors of their own. A row that contains it was damaged before it
came into the file, and its text is not what somebody wrote.
"""

from __future__ import annotations

from collections.abc import Mapping

from glossator.service.documents.record import Record
from glossator.service.errors import UndecodableText

REPLACEMENT = "\ufffd"
_SHOWN = 30


def refuse_replacements(record: Record) -> Record:
    """Return the record, or, if a value contains U+FFFD, an error in its place."""
    if record.error is not None:
        return record
    for column, value in record.fields.items():
        damaged = _find(value)
        if damaged is not None:
            place = damaged.index(REPLACEMENT)
            error = UndecodableText(
                f"the value of {column} contains U+FFFD: a program could not decode a character",
                found=damaged[max(0, place - _SHOWN) : place + _SHOWN],
                expected="text without lost characters",
                hint="Export the row again from where it comes from, or remove the character if it belongs there.",
            )
            return Record(record.line, {}, error, damaged[:500])
    return record


def _find(value: object) -> str | None:
    """Return the first string in a value that contains U+FFFD, or None."""
    if isinstance(value, str):
        return value if REPLACEMENT in value else None
    if isinstance(value, Mapping):
        return next((found for key, each in value.items() if (found := _find(key) or _find(each)) is not None), None)
    if isinstance(value, list | tuple):
        return next((found for each in value if (found := _find(each)) is not None), None)
    return None

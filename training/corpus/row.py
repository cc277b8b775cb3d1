"""Rows as every reader yields them, and the error that makes one row unusable."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Protocol

from glossator.service.errors import CorpusError, GlossatorError, InputError, UnreadableRow, shorten
from glossator.service.inference.encoding import check_text

RAW_CHARACTERS = 2_000
"""The rejects file shows at most this many characters of a row; its line number leads to the rest."""

_NAMED_REASON = re.compile(r"([a-z]+(?:-[a-z]+)+): (.*)", re.DOTALL)
_LINE_PREFIX = re.compile(r"\Aline \d+: ")


class Row(Protocol):
    """One row of a source, readable or not: a `Record` of the file readers or a `SourceRow`."""

    @property
    def line(self) -> int:
        """1-based line (or row number) in the source."""

    @property
    def fields(self) -> Mapping[str, object]:
        """Column to value; empty if the row cannot be read."""

    @property
    def error(self) -> Exception | None:
        """Why the row cannot be read, or None."""

    @property
    def raw(self) -> str:
        """The source text of a row that cannot be read."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row of a dataset or of an annotated document. `line` is its line or its number, from 1."""

    line: int
    fields: Mapping[str, object]
    error: Exception | None = None
    raw: str = ""


class RowFault(Exception):
    """Why one row cannot be used: a stable kebab-case `reason` and a `message`. Readers turn it into a reject."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


def is_nan(value: object) -> bool:
    """True for the number NaN, False for the string "nan"."""
    return isinstance(value, float) and math.isnan(value)


def shown(value: object, limit: int = 60) -> str:
    """A value of a cell for a message: a string as it is, lists and records as JSON.

    >>> shown(["a", None, True]), shown("it's")
    ('["a", null, true]', "it's")
    """
    return shorten(value, limit)


def kind_of(value: object) -> str:
    """What a cell holds, in words.

    >>> kind_of(3), kind_of([]), kind_of({}), kind_of(True)
    ('a number', 'a list', 'a record', 'true or false')
    """
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float, Decimal)):
        return "a number"
    if isinstance(value, Mapping):
        return "a record"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "a list"
    if isinstance(value, (date, time)):
        return "a date or time"
    if isinstance(value, bytes):
        return "binary data"
    return "text" if isinstance(value, str) else "empty" if value is None else "another value"


def read_text(value: object) -> str:
    """The text in a cell, unchanged.

    Texts that the service rejects are rejected here too, by the same function (`check_text`). Raises RowFault.
    """
    if value is None or is_nan(value):
        raise RowFault("missing-text", "the row has no text")
    if not isinstance(value, str):
        # A number is not turned into text: it is a sign of shifted columns.
        raise RowFault("text-not-a-string", f"the text is {kind_of(value)}: {shown(value)}")
    try:
        return check_text(value)
    except InputError as error:
        raise RowFault(error.code, error.message) from None


def describe_error(error: Exception) -> str:
    """The error of an unreadable row in one line."""
    message = error.message if isinstance(error, GlossatorError) else str(error) or type(error).__name__
    message = _LINE_PREFIX.sub("", message, count=1)  # a reject has its line in a field of its own
    found = f" (found: {error.found})" if isinstance(error, GlossatorError) and error.found else ""
    return shorten(message + found, 300)


def reject_reason(error: Exception) -> tuple[str, str]:
    """The stable name and the message for an unreadable row. Readers of documents write the name before the message.

    >>> reject_reason(CorpusError("tag-count: 2 tags for 3 tokens"))
    ('tag-count', '2 tags for 3 tokens')
    """
    message = describe_error(error)
    named = _NAMED_REASON.match(message) if isinstance(error, (CorpusError, UnreadableRow)) else None
    return (named[1], named[2]) if named else ("unreadable-row", message)


def raw_text(row: Row) -> str:
    """The row as text for the rejects file: its source text, or its fields as JSON, at most `RAW_CHARACTERS` long.

    Lone surrogates are written as JSON escapes, so that the rejects file is always valid UTF-8.
    """
    raw = row.raw or json.dumps(dict(row.fields), ensure_ascii=False, default=_as_text)
    if len(raw) > RAW_CHARACTERS:
        raw = raw[: RAW_CHARACTERS - 1] + "…"
    return raw.encode("utf-8", "backslashreplace").decode("utf-8")


def _as_text(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)

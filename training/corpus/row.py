"""What a corpus is read from: rows, whoever read them, and the one thing that makes a row unusable."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from glossator.service.errors import CorpusError, GlossatorError, InputError, shorten
from glossator.service.inference.encoding import check_text

RAW_CHARACTERS = 2_000
"""A rejected row is shown up to this length; its line number leads to the rest."""

_NAMED = re.compile(r"([a-z]+(?:-[a-z]+)+): (.*)", re.DOTALL)
_PLACE = re.compile(r"\Aline \d+: ")


class Row(Protocol):
    """One row of a source, read or not. The records of the file readers are rows, and so is `SourceRow`."""

    @property
    def line(self) -> int:
        """1-based line (or row number) in the source."""

    @property
    def fields(self) -> Mapping[str, object]:
        """Column to value; empty where nothing could be read."""

    @property
    def error(self) -> Exception | None:
        """Why the row cannot be read, or None."""

    @property
    def raw(self) -> str:
        """Source text of a row that cannot be read."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of a dataset; `line` is its number, from 1."""

    line: int
    fields: Mapping[str, object]
    error: Exception | None = None
    raw: str = ""


class RowFault(Exception):
    """Why one row cannot be used: a stable kebab-case `reason`, and `what` was found. It never leaves this package."""

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(reason, what)
        self.reason = reason
        self.message = what


def is_nan(value: object) -> bool:
    """True for a real NaN; the string "nan" is a string."""
    return isinstance(value, float) and math.isnan(value)


def read_text(value: object) -> str:
    """The text in a text column, unchanged.

    What the service would refuse to answer is not trained on either: one rule, that of `check_text`. Raises RowFault.
    """
    if value is None or is_nan(value):
        raise RowFault("missing-text", "the row has no text")
    if not isinstance(value, str):
        # A number among texts is a shifted column more often than a text: never guessed at.
        raise RowFault("text-not-a-string", f"the text is of type {type(value).__name__}: {shorten(value, 60)}")
    try:
        return check_text(value)
    except InputError as error:
        raise RowFault(error.code, error.message) from None


def describe_error(error: Exception) -> str:
    """An unreadable row's error in one line."""
    what = error.message if isinstance(error, GlossatorError) else str(error) or type(error).__name__
    what = _PLACE.sub("", what, count=1)  # a reject tells its line by itself
    found = f" (found: {error.found})" if isinstance(error, GlossatorError) and error.found else ""
    return shorten(what + found, 300)


def reason_of(error: Exception) -> tuple[str, str]:
    """The stable name and the words of an unreadable row's error; readers of documents put the name before the words.

    >>> reason_of(CorpusError("tag-count: 2 tags for 3 tokens"))
    ('tag-count', '2 tags for 3 tokens')
    """
    what = describe_error(error)
    named = _NAMED.match(what) if isinstance(error, CorpusError) else None
    return (named[1], named[2]) if named else ("unreadable-row", what)


def raw_of(row: Row) -> str:
    """The row as text for the rejects file: its source text, or its fields as JSON; at most `RAW_CHARACTERS` long.

    Lone surrogates come out as their JSON escapes, so that the rejects file is always valid UTF-8.
    """
    raw = row.raw or json.dumps(dict(row.fields), ensure_ascii=False, default=str)
    if len(raw) > RAW_CHARACTERS:
        raw = raw[: RAW_CHARACTERS - 1] + "…"
    return raw.encode("utf-8", "backslashreplace").decode("utf-8")

"""The messages from a reader process to its parent: JSON in frames, with typed values that JSON lacks.

A frame is a byte that says whether there are typed values, four bytes for the length, and the JSON. The parent trusts
nothing in it: a child that was taken over by a hostile file can only send rows, texts and errors.

Lone surrogates, NaN, infinite numbers and integers of any size arrive unchanged. Tuples arrive as lists, a time zone as
its offset, and values of unknown types as their text.
"""

from __future__ import annotations

import base64
import json
import os
import struct
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from glossator.service import errors
from glossator.service.documents.record import Record
from glossator.service.errors import Fault, GlossatorError, InputError

MAX_ROW_BYTES = 448 << 20
"""A larger row is an error: it holds a text of MAX_ROW_CHARACTERS control characters, each of which takes six bytes."""
MAX_MESSAGE_BYTES = MAX_ROW_BYTES + (64 << 20)
HEADER = struct.Struct("<BI")

_ENCODERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    Decimal: ("decimal", str),
    datetime: ("datetime", datetime.isoformat),
    date: ("date", date.isoformat),
    time: ("time", time.isoformat),
    timedelta: ("duration", lambda value: [value.days, value.seconds, value.microseconds]),
    bytes: ("bytes", lambda value: base64.b64encode(value).decode("ascii")),
}
_DECODERS: dict[str, Callable[[Any], Any]] = {
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "duration": lambda parts: timedelta(*parts),
    "bytes": lambda text: base64.b64decode(text, validate=True),
}


class DamagedMessage(Exception):
    """The parent received something that no reader sends."""


class MessageEncoder:
    """Writes values as JSON.

    A typed value is an object with one key that is random for each process, so that no row can imitate it.
    """

    def __init__(self) -> None:
        self.key = os.urandom(8).hex()
        self.has_types = False
        """Whether a value since `frame` was typed."""
        self.encode = json.JSONEncoder(
            ensure_ascii=False, check_circular=False, separators=(",", ":"), default=self._typed
        ).encode
        """Returns the JSON of a value."""

    def frame(self, text: str) -> bytes:
        """Return a frame with the JSON."""
        body = (f'["{self.key}",{text}]' if self.has_types else text).encode("utf-8", "surrogatepass")
        header = HEADER.pack(self.has_types, len(body))
        self.has_types = False
        return header + body

    def _typed(self, value: object) -> object:
        for kind in type(value).__mro__:
            if kind in _ENCODERS:
                name, encode = _ENCODERS[kind]
                self.has_types = True
                return {self.key: [name, encode(value)]}
        return dict(value) if isinstance(value, Mapping) else str(value)


def decode(body: bytes | bytearray, *, has_types: bool) -> Any:
    """Return the value of a frame's body. Raises DamagedMessage."""
    try:
        text = body.decode("utf-8", "surrogatepass")
        if not has_types:
            return json.loads(text)
        key = json.loads(text[1 : text.index(",")])

        def hook(fields: dict[str, Any]) -> Any:
            if len(fields) == 1 and key in fields:
                kind, value = fields[key]
                return _DECODERS[kind](value)
            return fields

        return json.loads(text, object_hook=hook)[1]
    except (ValueError, KeyError, IndexError, TypeError, ArithmeticError, RecursionError) as error:
        raise DamagedMessage(type(error).__name__) from None


def row_of(record: Record) -> list[object]:
    """Return a record as a JSON value."""
    fields = record.fields if type(record.fields) is dict else dict(record.fields)
    if record.error is None and not record.raw:
        return [record.line, fields]
    return [record.line, fields, None if record.error is None else record.error.to_dict(), record.raw]


def record_of(row: Any) -> Record:
    """Return the record that `row_of` wrote. Raises DamagedMessage."""
    try:
        line, fields, error, raw = row if len(row) > 2 else (*row, None, "")
    except (TypeError, ValueError):
        raise DamagedMessage("row") from None
    if type(line) is not int or type(fields) is not dict or type(raw) is not str:
        raise DamagedMessage("row")
    fault = None if error is None else error_of(error)
    if fault is not None and not isinstance(fault, InputError):
        raise DamagedMessage("error of a row")
    return Record(line, fields, fault, raw)


def error_of(fields: Any) -> GlossatorError:
    """Return the error that `GlossatorError.to_dict` wrote, of the same class. Raises DamagedMessage."""
    try:
        kind = _ERRORS[fields["code"]]
        faults = tuple(
            Fault(str(each["name"]), str(each["message"]), str(each["where"])) for each in fields.get("faults", ())
        )
        found, expected, hint = (
            None if fields.get(name) is None else str(fields[name]) for name in ("found", "expected", "hint")
        )
        return kind(str(fields["message"]), found=found, expected=expected, hint=hint, faults=faults)
    except (KeyError, TypeError, AttributeError):
        raise DamagedMessage("error") from None


_ERRORS: dict[str, type[GlossatorError]] = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GlossatorError)
}

"""Any value as JSON on one line. Values that JSON lacks become the nearest JSON value."""

from __future__ import annotations

import base64
import datetime
import json
import math
from collections.abc import Mapping


def to_json(value: object) -> str:
    """Return the value as JSON on one line. U+2028 and U+2029 are escaped, because some readers split lines there.

    >>> to_json({"score": float("nan"), "text": "naïve"})
    '{"score": null, "text": "naïve"}'
    """
    try:
        text = _ENCODER.encode(value)
    except ValueError:
        text = _ENCODER.encode(_without_nan(value))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def to_json_value(value: object) -> object:
    """Return the nearest JSON value.

    Dates and times become ISO 8601 text, bytes base64, NaN and infinities None, other types their text.
    """
    if value is None or isinstance(value, str | int | list | dict | tuple):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=to_json_value)


def _without_nan(value: object) -> object:
    value = to_json_value(value)
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    return [_without_nan(inner) for inner in value] if isinstance(value, list | tuple) else value

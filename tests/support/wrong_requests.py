"""Requests that are wrong in every way that a client can be, and the status that each is refused with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

PREDICT = "/v1/models/intents/predict"
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Wrong:
    """A request for a server with the bundle `intents`, and its refusal."""

    name: str
    body: bytes
    status: int
    path: str = PREDICT
    headers: Mapping[str, str] = field(default_factory=lambda: _JSON)


WRONG = [
    Wrong("no body", b"", 400),
    Wrong("half of an object", b"{", 400),
    Wrong("a list", b"[]", 422),
    Wrong("null", b"null", 422),
    Wrong("NaN", b'{"text": NaN}', 400),
    Wrong("a number for a text", b'{"text": 1}', 422),
    Wrong("a name twice", b'{"text": "a", "text": "b"}', 400),
    Wrong("an object for texts", b'{"texts": {}}', 422),
    Wrong("no UTF-8", b"\xff\xfe{}", 400),
    Wrong("an infinite number", b'{"text": "a", "top_k": 1e400}', 422),
    Wrong("a number of 5,000 digits", b'{"text": "a", "top_k": 9' + b"9" * 5_000 + b"}", 400),
    Wrong("a negative number", b'{"text": "a", "top_k": -1}', 422),
    Wrong("a threshold that is no number", b'{"text": "a", "threshold": "x"}', 422),
    Wrong("an unknown field", b'{"text": "a", "x": 1}', 422),
    Wrong("null for a text", b'{"text": null}', 422),
    Wrong("an empty text", b'{"text": ""}', 422),
    Wrong("a surrogate", b'{"text": "\\ud800"}', 422),
    Wrong("a second text for a model that reads one", b'{"text": "a", "text_pair": "b"}', 422),
    Wrong("100,000 brackets", b"[" * 100_000, 400),
    Wrong("10,000 texts", json.dumps({"texts": ["a"] * 10_000}).encode(), 422),
    Wrong("a text of 1,000,001 characters", b'{"text": "' + b"a" * 1_000_001 + b'"}', 422),
    Wrong("9 MB", b'{"text": "' + b"a" * 9_000_000 + b'"}', 413),
    Wrong("no content type", b'{"text": "a"}', 415, headers={}),
    Wrong("another content type", b"text=a", 415, headers={"Content-Type": "text/csv"}),
    Wrong("an encoding nobody knows", b"x", 415, headers=_JSON | {"Content-Encoding": "zpaq"}),
    Wrong("no gzip", b"x", 400, headers=_JSON | {"Content-Encoding": "gzip"}),
    Wrong("a deadline that is none", b'{"text": "a"}', 422, headers=_JSON | {"X-Request-Timeout": "soon"}),
    Wrong("another host", b'{"text": "a"}', 421, headers=_JSON | {"Host": "elsewhere.example"}),
    Wrong("another origin", b'{"text": "a"}', 403, headers=_JSON | {"Origin": "https://elsewhere.example"}),
    Wrong("an unknown model", b'{"text": "a"}', 404, path="/v1/models/nothing/predict"),
    Wrong("an unknown version", b'{"text": "a"}', 404, path="/v1/models/intents@0000000/predict"),
    Wrong("an unknown route", b'{"text": "a"}', 404, path="/v1/nothing"),
    Wrong("a path out of the folder", b'{"text": "a"}', 404, path="/v1/models/%2e%2e%2fetc/predict"),
]

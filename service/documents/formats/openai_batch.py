"""The requests of an OpenAI batch: JSON Lines of `custom_id`, `method`, `url` and `body`, with one text per body.

The body is that of `POST /v1/models/NAME/predict` with one `text` (and `text_pair`), or of `POST /v1/embeddings` with
one `input`. All requests must have the URL, the model and the options of the first request: others are rows with an
error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glossator.service.documents.formats.jsonl import JsonlSource
from glossator.service.documents.record import Record
from glossator.service.documents.sources.source import SourceOptions
from glossator.service.errors import UnreadableRow, shorten

CUSTOM_ID, TEXT, PAIR = "custom_id", "text", "text_pair"
EMBEDDINGS = "/v1/embeddings"
PREDICT = "/v1/models/{}/predict"
_REQUEST_FIELDS = frozenset({CUSTOM_ID, "method", "url", "body"})
_TEXTS = {EMBEDDINGS: "input"}
_OPTIONS: Mapping[str, type | tuple[type, ...]] = {
    "threshold": (int, float),
    "min_confidence": (int, float),
    "coverage": (int, float),
    "empty_sets": bool,
    "aggregation": str,
    "truncate": bool,
}


class OpenAIBatchSource(JsonlSource):
    """One row per request: `custom_id`, `text`, and `text_pair` if the first request has it."""

    format = "openai-batch"

    def __init__(self, path: str, options: SourceOptions) -> None:
        self.first_request: Mapping[str, Any] | None = None
        """The first valid request of the file."""
        self.request_options: dict[str, Any] = {}
        self.columns = (CUSTOM_ID, TEXT)
        super().__init__(path, options)
        second = self.first_request is not None and PAIR in self.first_request["body"]
        self.columns = (CUSTOM_ID, TEXT, *((PAIR,) if second else ()))

    def _read(self, line: Any) -> Record:
        record = super()._read(line)
        if record.error is not None:
            return record
        custom_id = record.fields.get(CUSTOM_ID)
        fields: dict[str, object] = {CUSTOM_ID: custom_id if isinstance(custom_id, str) else None}
        try:
            return Record(record.line, fields | self._texts(record.fields))
        except ValueError as error:
            fault = UnreadableRow(
                f"line {record.line}: {error}",
                found=shorten(line.content, 200),
                expected='{"custom_id": "1", "method": "POST", "url": "/v1/models/NAME/predict", "body": {"text": …}}',
            )
            return Record(record.line, fields, fault, shorten(line.content, 500))

    def _texts(self, request: Mapping[str, Any]) -> dict[str, object]:
        """Return the texts of a request; raises ValueError for a request that this file cannot contain."""
        check_request(request)
        url, body = request["url"], _given(request["body"])
        if self.first_request is None:
            self.first_request = {**request, "body": body}
            self.request_options = {name: body[name] for name in _OPTIONS if name in body}
        first = self.first_request
        if url != first["url"] or body.get("model") != first["body"].get("model"):
            raise ValueError("the request has another route or model than the first request of the file")
        if any(body.get(name) != first["body"].get(name) for name in _OPTIONS):
            raise ValueError("the request has other options than the first request of the file")
        texts: dict[str, object] = {TEXT: body[_TEXTS.get(url, TEXT)]}
        return texts | ({PAIR: body[PAIR]} if PAIR in body else {})


def check_request(request: Mapping[str, Any]) -> None:
    """Raise ValueError, which says what is wrong, if a line is not a request of a batch."""
    unknown = sorted(set(request) - _REQUEST_FIELDS)
    if unknown:
        raise ValueError(f"the request has unknown fields: {', '.join(map(shorten, unknown))}")
    for name in (CUSTOM_ID, "url"):
        if not isinstance(request.get(name), str) or not request[name]:
            raise ValueError(f"{name} is not a string")
    if request.get("method") != "POST":
        raise ValueError("the method is not POST")
    body, url = request.get("body"), request["url"]
    if not isinstance(body, dict):
        raise ValueError("the body is not an object")
    body = _given(body)
    name = _TEXTS.get(url, TEXT)
    known = {name, "model", "user", *(("encoding_format",) if url == EMBEDDINGS else (PAIR, *_OPTIONS))}
    unsupported = sorted(set(body) - known)
    if unsupported:
        raise ValueError(f"the body has fields that a batch does not support: {', '.join(map(shorten, unsupported))}")
    if name not in body:
        raise ValueError(f"the body has no {name}")
    for each in (name, PAIR):
        if each in body and not isinstance(body[each], str):
            raise ValueError(f"{each} is not a single text")
    if body.get("encoding_format", "float") != "float":
        raise ValueError("encoding_format is not float")
    for option, kind in _OPTIONS.items():
        if option in body and (not isinstance(body[option], kind) or (kind is not bool and body[option] is True)):
            raise ValueError(f"{option} has a value of the wrong type")


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a body without those that are null, which means the default."""
    return {name: value for name, value in body.items() if value is not None}


def requested_model(request: Mapping[str, Any]) -> str | None:
    """Return the name of the model that a request is for; None if it names no model."""
    before, _, after = PREDICT.partition("{}")
    url = str(request["url"])
    if url.startswith(before) and url.endswith(after):
        return url[len(before) : -len(after)]
    name = request["body"].get("model")
    return name if isinstance(name, str) and url == EMBEDDINGS else None

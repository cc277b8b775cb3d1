"""The requests of an OpenAI batch: JSON lines of `custom_id`, `method`, `url` and `body`, a text in each body.

The body is that of `POST /v1/models/NAME/predict` with one `text` (and `text_pair`), or of `POST /v1/embeddings` with
one `input`. All requests of a file go to the URL and the model of the first, with its options: what differs is a row
with an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glossator.service.documents.formats.jsonl import JsonlSource
from glossator.service.documents.record import Record
from glossator.service.documents.source import Options
from glossator.service.errors import UnreadableRow, shorten

CUSTOM_ID, TEXT, PAIR = "custom_id", "text", "text_pair"
EMBEDDINGS = "/v1/embeddings"
PREDICT = "/v1/models/{}/predict"
_LINE = frozenset({CUSTOM_ID, "method", "url", "body"})
_TEXTS = {EMBEDDINGS: "input"}
_OPTIONS: Mapping[str, type | tuple[type, ...]] = {
    "threshold": (int, float), "min_confidence": (int, float), "coverage": (int, float), "aggregation": str,
    "truncate": bool,
}  # fmt: skip


class OpenAIBatchSource(JsonlSource):
    """A row a request: `custom_id`, `text`, and `text_pair` where the first request has one."""

    format = "openai-batch"

    def __init__(self, path: str, options: Options) -> None:
        self.first: Mapping[str, Any] | None = None
        """The first request of the file that is one."""
        self.asked: dict[str, Any] = {}
        self.columns = (CUSTOM_ID, TEXT)
        super().__init__(path, options)
        second = self.first is not None and PAIR in self.first["body"]
        self.columns = (CUSTOM_ID, TEXT, *((PAIR,) if second else ()))

    def _read(self, line: Any) -> Record:
        record = super()._read(line)
        if record.error is not None:
            return record
        named = record.fields.get(CUSTOM_ID)
        kept: dict[str, object] = {CUSTOM_ID: named if isinstance(named, str) else None}
        try:
            return Record(record.line, kept | self._texts(record.fields))
        except ValueError as error:
            fault = UnreadableRow(
                f"line {record.line}: {error}", found=shorten(line.content, 200),
                expected='{"custom_id": "1", "method": "POST", "url": "/v1/models/NAME/predict", "body": {"text": …}}',
            )  # fmt: skip
            return Record(record.line, kept, fault, shorten(line.content, 500))

    def _texts(self, request: Mapping[str, Any]) -> dict[str, object]:
        """The texts of a request; raises ValueError for one that cannot be answered here."""
        check_request(request)
        url, body = request["url"], request["body"]
        if self.first is None:
            self.first = request
            self.asked = {name: body[name] for name in _OPTIONS if name in body}
        first = self.first
        if url != first["url"] or body.get("model") != first["body"].get("model"):
            raise ValueError("the request is for another route or model than the first of the file")
        if any(body.get(name) != first["body"].get(name) for name in _OPTIONS):
            raise ValueError("the request has other options than the first of the file")
        texts: dict[str, object] = {TEXT: body[_TEXTS.get(url, TEXT)]}
        return texts | ({PAIR: body[PAIR]} if PAIR in body else {})


def check_request(request: Mapping[str, Any]) -> None:
    """Raises ValueError, with what is wrong, for a line that is no request of a batch."""
    strange = sorted(set(request) - _LINE)
    if strange:
        raise ValueError(f"the line has {', '.join(map(shorten, strange))}, which is not part of a request")
    for name in (CUSTOM_ID, "url"):
        if not isinstance(request.get(name), str) or not request[name]:
            raise ValueError(f"{name} is not a text")
    if request.get("method") != "POST":
        raise ValueError("the method is not POST")
    body, url = request.get("body"), request["url"]
    if not isinstance(body, dict):
        raise ValueError("the body is not an object")
    name = _TEXTS.get(url, TEXT)
    known = {name, "model", *(("encoding_format",) if url == EMBEDDINGS else (PAIR, *_OPTIONS))}
    odd = sorted(set(body) - known)
    if odd:
        raise ValueError(f"the body has {', '.join(map(shorten, odd))}, which a batch does not read")
    if name not in body:
        raise ValueError(f"the body has no {name}")
    for each in (name, PAIR):
        if each in body and not isinstance(body[each], str):
            raise ValueError(f"{each} is not one text")
    if body.get("encoding_format", "float") != "float":
        raise ValueError("encoding_format is not float")
    for option, kind in _OPTIONS.items():
        if option in body and (not isinstance(body[option], kind) or (kind is not bool and body[option] is True)):
            raise ValueError(f"{option} has a value of another kind")


def model_of(request: Mapping[str, Any]) -> str | None:
    """The name of the model that a request is for; None where it names none."""
    before, _, after = PREDICT.partition("{}")
    url = str(request["url"])
    if url.startswith(before) and url.endswith(after):
        return url[len(before) : -len(after)]
    name = request["body"].get("model")
    return name if isinstance(name, str) and url == EMBEDDINGS else None

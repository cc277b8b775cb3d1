"""A client of the API, with typed answers, retries and errors with codes. Needs httpx.

Requests are retried if the server is overloaded (429, 503) or the connection fails before an answer. Retrying is safe:
an answer depends only on the texts and the model. The delay follows `Retry-After`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack
from urllib.parse import quote

from pydantic import BaseModel

from glossator.service.api.schemas.feedback_results import FeedbackFields, FeedbackResponse, StoredFeedback
from glossator.service.api.schemas.models import ModelDetail, ModelList
from glossator.service.api.schemas.predictions import (
    HeadsResponse,
    PredictResponse,
    RerankResponse,
    ZeroShotResponse,
)
from glossator.service.errors import Fault, GlossatorError
from glossator.service.optional_packages import import_optional
from glossator.service.tasks.options import DecodeKeywords

httpx: Any = import_optional("httpx", "the client", extra="client")

RETRIES = 4
FIRST_DELAY_SECONDS = 0.2
MAX_DELAY_SECONDS = 30.0
_RETRIED_STATUS = frozenset({429, 503})
_Body = TypeVar("_Body", bound=BaseModel)


class ApiError(GlossatorError):
    """An error of the server: `code` is the stable name of the problem, `status` the HTTP status."""

    def __init__(self, problem: Mapping[str, Any], status: int) -> None:
        faults = [Fault(each["name"], each["message"], each["where"]) for each in problem.get("faults") or ()]
        super().__init__(
            str(problem.get("detail", f"the server answered {status}")),
            found=problem.get("found"),
            expected=problem.get("expected"),
            hint=problem.get("hint"),
            faults=faults,
        )
        self.code = str(problem.get("code", "api-error"))
        self.status = status


class _NoBody(BaseModel):
    """The body of a response without one."""


@dataclass(frozen=True, slots=True)
class _Request:
    """One request: method, path and JSON body."""

    method: str
    path: str
    json: object = None


class _BaseClient:
    """What both clients share: headers, retries, and how responses are read."""

    def __init__(self, key: str | None, timeout: float, retries: int) -> None:
        self._timeout = timeout
        self._retries = retries
        self._headers = {"X-Request-Timeout": f"{timeout:g}"} | ({"Authorization": f"Bearer {key}"} if key else {})

    def _retry_delay(self, attempt: int, outcome: Any) -> float | None:
        """Return the seconds until the next attempt; None if there is none.

        `outcome`: the response, or the error of the connection.
        """
        failed = isinstance(outcome, Exception)
        if attempt >= self._retries or not (failed or outcome.status_code in _RETRIED_STATUS):
            return None
        retry_after = "" if failed else outcome.headers.get("retry-after", "")
        if retry_after.isdecimal():
            # A random part, so that clients do not all return at the same moment.
            return min(float(retry_after), MAX_DELAY_SECONDS) + random.uniform(0.0, 0.1)
        return random.uniform(0.0, min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0**attempt))

    @staticmethod
    def _parse(outcome: Any, kind: type[_Body]) -> _Body:
        """Return the body of a response. Raises the error of the connection, or ApiError."""
        if isinstance(outcome, Exception):
            raise outcome
        if outcome.is_success:
            body = kind.model_validate_json(outcome.content or b"{}")
            if isinstance(body, PredictResponse):
                body.with_request_id(outcome.headers.get("x-request-id"))
            return body
        try:
            problem = outcome.json()
        except ValueError:
            problem = {}
        raise ApiError(problem if isinstance(problem, dict) else {}, outcome.status_code)


def _predict(
    model: str, texts: str | Sequence[str], pairs: str | Sequence[str] | None, explain: bool, options: Mapping[str, Any]
) -> _Request:
    single = isinstance(texts, str)
    body = {"text" if single else "texts": texts if single else list(texts)} | dict(options)
    if pairs is not None:
        body["text_pair" if single else "text_pairs"] = pairs if single else list(pairs)
    return _Request("POST", f"/v1/models/{model}/predict", body | ({"explain": True} if explain else {}))


def _predict_heads(
    backbone: str, texts: Sequence[str], heads: Sequence[str] | None, options: Mapping[str, Any]
) -> _Request:
    body = {"texts": list(texts), **({} if heads is None else {"heads": list(heads)}), **options}
    return _Request("POST", f"/v1/models/{backbone}/heads/predict", body)


def _feedback(request: str | PredictResponse | None, fields: Mapping[str, Any]) -> _Request:
    if isinstance(request, PredictResponse):
        request = request.request_id
    return _Request("POST", "/v1/feedback", _given({"request": request, **fields}))


def _feedback_batch(rows: Sequence[Mapping[str, Any]]) -> _Request:
    return _Request("POST", "/v1/feedback", {"feedback": list(map(_given, rows))})


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _only_result(response: FeedbackResponse) -> StoredFeedback:
    (stored,) = response.results
    assert isinstance(stored, StoredFeedback)  # the error of a single row is a problem
    return stored


def _undo(feedback: str | StoredFeedback) -> _Request:
    identity = feedback if isinstance(feedback, str) else feedback.id
    return _Request("DELETE", f"/v1/feedback/{quote(identity, safe='')}")


def _zero_shot(model: str, texts: Sequence[str], labels: Sequence[str], options: Mapping[str, Any]) -> _Request:
    body = {"texts": list(texts), "labels": list(labels)} | dict(options)
    return _Request("POST", f"/v1/models/{model}/zero-shot", body)


def _rerank(model: str, query: str, documents: Sequence[str], options: Mapping[str, Any]) -> _Request:
    body = {"query": query, "documents": list(documents)} | dict(options)
    return _Request("POST", f"/v1/models/{model}/rerank", body)


class Client(_BaseClient):
    """Sends requests to a server. A context manager; several threads may share one.

    Methods raise ApiError for errors of the server, and httpx's errors if it cannot be reached.

    Args:
        url: The address of the server, such as `http://127.0.0.1:8000`.
        key: The API key.
        timeout: Seconds for one attempt. The server gets it too, and drops requests that are too late.
        retries: The largest number of retries.

    Example:
        with Client("http://127.0.0.1:8000") as client:
            client.predict("tickets", ["where is my parcel"]).results
    """

    def __init__(self, url: str, *, key: str | None = None, timeout: float = 30.0, retries: int = RETRIES) -> None:
        super().__init__(key, timeout, retries)
        self._http = httpx.Client(base_url=url, headers=self._headers, timeout=timeout)

    def predict(
        self,
        model: str,
        texts: str | Sequence[str],
        pairs: str | Sequence[str] | None = None,
        *,
        explain: bool = False,
        **options: Unpack[DecodeKeywords],
    ) -> PredictResponse:
        """Predict one text or many.

        Args:
            model: The name of the model, `NAME@ALIAS` or `NAME@VERSION`.
            texts: A text or a list of texts.
            pairs: The second texts, for models that read two.
            explain: Also return the weight of each word.
            options: How outputs are decoded, such as `threshold` and `top_k`.

        Returns:
            One result per text, in order. In a list, a text that cannot be answered has its error as result; a single
            text raises it.
        """
        return self._send(_predict(model, texts, pairs, explain, options), PredictResponse)

    def predict_heads(
        self, backbone: str, texts: Sequence[str], heads: Sequence[str] | None = None, **options: Any
    ) -> HeadsResponse:
        """Predict texts with several heads of one backbone; each text is read once.

        Args:
            backbone: The name of the backbone.
            texts: The texts.
            heads: The names of the heads, `NAME` or `NAME@VERSION`; None: every head of this backbone.
            options: `top_k` and `truncate`.

        Returns:
            The results of each head by its name, in the order of the texts.
        """
        return self._send(_predict_heads(backbone, texts, heads, options), HeadsResponse)

    def zero_shot(self, model: str, texts: Sequence[str], labels: Sequence[str], **options: Any) -> ZeroShotResponse:
        """Sort texts into labels that the model was not trained on."""
        return self._send(_zero_shot(model, texts, labels, options), ZeroShotResponse)

    def rerank(self, model: str, query: str, documents: Sequence[str], **options: Any) -> RerankResponse:
        """Rank documents by how well they match the query."""
        return self._send(_rerank(model, query, documents, options), RerankResponse)

    def feedback(
        self, request: str | PredictResponse | None = None, **fields: Unpack[FeedbackFields]
    ) -> StoredFeedback:
        """Say whether an answer is right, what would be right, or a comment.

        Sending it again changes nothing; the newest feedback on an answer counts.

        Args:
            request: The response with the answer, or its `request_id`. Without it, `model` and `text` name the answer.
            fields: `correct`, the right `labels`, `entities`, `span` or `no_answer`, a `comment`; `place`: the number
                of the text in the request, by default 0; `reviewer`: who says it, only on servers without keys.

        Returns:
            What is stored, with its id.

        Example:
            response = client.predict("tickets", "Where is my parcel?")
            client.feedback(response, labels=["delivery_delay"])
        """
        return _only_result(self._send(_feedback(request, fields), FeedbackResponse))

    def feedback_batch(self, rows: Sequence[Mapping[str, Any]]) -> FeedbackResponse:
        """Give feedback on several answers: rows with `request` and the fields of `feedback`.

        Returns:
            One result per row, in order. A row that cannot be stored has its error as result.
        """
        return self._send(_feedback_batch(rows), FeedbackResponse)

    def undo_feedback(self, feedback: str | StoredFeedback) -> None:
        """Take feedback back."""
        self._send(_undo(feedback), _NoBody)

    def models(self) -> ModelList:
        """List the models of the server."""
        return self._send(_Request("GET", "/v1/models"), ModelList)

    def model(self, name: str) -> ModelDetail:
        """Return the details of one model."""
        return self._send(_Request("GET", f"/v1/models/{name}"), ModelDetail)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, request: _Request, kind: type[_Body]) -> _Body:
        for attempt in count():
            try:
                outcome = self._http.request(request.method, request.path, json=request.json)
            except httpx.TransportError as error:
                outcome = error
            delay = self._retry_delay(attempt, outcome)
            if delay is None:
                break
            time.sleep(delay)
        return self._parse(outcome, kind)


class AsyncClient(_BaseClient):
    """The client for asyncio; see `Client`."""

    def __init__(self, url: str, *, key: str | None = None, timeout: float = 30.0, retries: int = RETRIES) -> None:
        super().__init__(key, timeout, retries)
        self._http = httpx.AsyncClient(base_url=url, headers=self._headers, timeout=timeout)

    async def predict(
        self,
        model: str,
        texts: str | Sequence[str],
        pairs: str | Sequence[str] | None = None,
        *,
        explain: bool = False,
        **options: Unpack[DecodeKeywords],
    ) -> PredictResponse:
        """See `Client.predict`."""
        return await self._send(_predict(model, texts, pairs, explain, options), PredictResponse)

    async def predict_heads(
        self, backbone: str, texts: Sequence[str], heads: Sequence[str] | None = None, **options: Any
    ) -> HeadsResponse:
        """See `Client.predict_heads`."""
        return await self._send(_predict_heads(backbone, texts, heads, options), HeadsResponse)

    async def zero_shot(
        self, model: str, texts: Sequence[str], labels: Sequence[str], **options: Any
    ) -> ZeroShotResponse:
        """See `Client.zero_shot`."""
        return await self._send(_zero_shot(model, texts, labels, options), ZeroShotResponse)

    async def rerank(self, model: str, query: str, documents: Sequence[str], **options: Any) -> RerankResponse:
        """See `Client.rerank`."""
        return await self._send(_rerank(model, query, documents, options), RerankResponse)

    async def feedback(
        self, request: str | PredictResponse | None = None, **fields: Unpack[FeedbackFields]
    ) -> StoredFeedback:
        """See `Client.feedback`."""
        return _only_result(await self._send(_feedback(request, fields), FeedbackResponse))

    async def feedback_batch(self, rows: Sequence[Mapping[str, Any]]) -> FeedbackResponse:
        """See `Client.feedback_batch`."""
        return await self._send(_feedback_batch(rows), FeedbackResponse)

    async def undo_feedback(self, feedback: str | StoredFeedback) -> None:
        """See `Client.undo_feedback`."""
        await self._send(_undo(feedback), _NoBody)

    async def models(self) -> ModelList:
        """See `Client.models`."""
        return await self._send(_Request("GET", "/v1/models"), ModelList)

    async def model(self, name: str) -> ModelDetail:
        """See `Client.model`."""
        return await self._send(_Request("GET", f"/v1/models/{name}"), ModelDetail)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, request: _Request, kind: type[_Body]) -> _Body:
        for attempt in count():
            try:
                outcome = await self._http.request(request.method, request.path, json=request.json)
            except httpx.TransportError as error:
                outcome = error
            delay = self._retry_delay(attempt, outcome)
            if delay is None:
                break
            await asyncio.sleep(delay)
        return self._parse(outcome, kind)

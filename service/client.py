"""A client of the API: typed answers, retries that heed Retry-After, errors with their codes. Needs httpx.

Requests are tried again where that is safe and may help: when the server refuses for now (429, 503), and when the
connection failed before an answer came. Answers depend on the texts and the model alone, so asking twice is safe.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from pydantic import BaseModel

from glossator.service.api.schemas.models import ModelDetail, ModelList
from glossator.service.api.schemas.predictions import PredictResponse, RerankResponse, ZeroShotResponse
from glossator.service.errors import Fault, GlossatorError
from glossator.service.optional_packages import import_optional
from glossator.service.tasks.options import DecodeKeywords

httpx: Any = import_optional("httpx", "the client", extra="client")

RETRIES = 4
FIRST_WAIT_SECONDS = 0.2
MOST_WAIT_SECONDS = 30.0
_AGAIN = frozenset({429, 503})
_Body = TypeVar("_Body", bound=BaseModel)


class ApiError(GlossatorError):
    """What the server answered: `code` is the problem's stable name, `status` that of HTTP."""

    def __init__(self, problem: Mapping[str, Any], status: int) -> None:
        faults = [Fault(each["name"], each["message"], each["where"]) for each in problem.get("faults") or ()]
        super().__init__(
            str(problem.get("detail", f"the server answered {status}")), found=problem.get("found"),
            expected=problem.get("expected"), hint=problem.get("hint"), faults=faults,
        )  # fmt: skip
        self.code = str(problem.get("code", "api-error"))
        self.status = status


@dataclass(frozen=True, slots=True)
class _Request:
    """One call: what is sent, and what comes back."""

    method: str
    path: str
    json: object = None


class _Common:
    """What both clients share: how requests are made, and what becomes of answers."""

    def __init__(self, key: str | None, timeout: float, retries: int) -> None:
        self._timeout = timeout
        self._retries = retries
        self._headers = {"X-Request-Timeout": f"{timeout:g}"} | ({"Authorization": f"Bearer {key}"} if key else {})

    def _wait(self, attempt: int, response: Any) -> float | None:
        """The seconds after which to ask again; None where the answer stands. `response` is None where none came."""
        if attempt >= self._retries or (response is not None and response.status_code not in _AGAIN):
            return None
        told = "" if response is None else response.headers.get("retry-after", "")
        if told.isdecimal():
            # A little later than told, and not all at once.
            return min(float(told), MOST_WAIT_SECONDS) + random.uniform(0.0, 0.1)
        return random.uniform(0.0, min(MOST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0**attempt))

    @staticmethod
    def _read(response: Any, kind: type[_Body]) -> _Body:
        if response.is_success:
            return kind.model_validate_json(response.content)
        try:
            problem = response.json()
        except ValueError:
            problem = {}
        raise ApiError(problem if isinstance(problem, dict) else {}, response.status_code)


def _predict(
    model: str, texts: str | Sequence[str], pairs: str | Sequence[str] | None, explain: bool, asked: Mapping[str, Any]
) -> _Request:
    alone = isinstance(texts, str)
    body = {"text" if alone else "texts": texts if alone else list(texts)} | dict(asked)
    if pairs is not None:
        body["text_pair" if alone else "text_pairs"] = pairs if alone else list(pairs)
    return _Request("POST", f"/v1/models/{model}/predict", body | ({"explain": True} if explain else {}))


def _zero_shot(model: str, texts: Sequence[str], labels: Sequence[str], asked: Mapping[str, Any]) -> _Request:
    body = {"texts": list(texts), "labels": list(labels)} | dict(asked)
    return _Request("POST", f"/v1/models/{model}/zero-shot", body)


def _rerank(model: str, query: str, documents: Sequence[str], asked: Mapping[str, Any]) -> _Request:
    body = {"query": query, "documents": list(documents)} | dict(asked)
    return _Request("POST", f"/v1/models/{model}/rerank", body)


class Client(_Common):
    """Asks a server; a context manager. Threads may share one.

    `timeout` bounds one attempt in seconds, and is told to the server, which drops work that comes too late. Methods
    raise ApiError for what the server refuses, and httpx's errors where it cannot be reached.
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
        **asked: Unpack[DecodeKeywords],
    ) -> PredictResponse:
        """One result a text, in order. Of many texts, one that cannot be answered has its error in its place; one text
        alone raises. `pairs` are the second texts, for models that read two."""
        return self._send(_predict(model, texts, pairs, explain, asked), PredictResponse)

    def zero_shot(self, model: str, texts: Sequence[str], labels: Sequence[str], **asked: Any) -> ZeroShotResponse:
        """Which of some labels fits each text."""
        return self._send(_zero_shot(model, texts, labels, asked), ZeroShotResponse)

    def rerank(self, model: str, query: str, documents: Sequence[str], **asked: Any) -> RerankResponse:
        """The documents by how well they answer the query."""
        return self._send(_rerank(model, query, documents, asked), RerankResponse)

    def models(self) -> ModelList:
        """The models that answer."""
        return self._send(_Request("GET", "/v1/models"), ModelList)

    def model(self, name: str) -> ModelDetail:
        """Everything that is known of one."""
        return self._send(_Request("GET", f"/v1/models/{name}"), ModelDetail)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, request: _Request, kind: type[_Body]) -> _Body:
        attempt = 0
        while True:
            failure: Exception | None = None
            response = None
            try:
                response = self._http.request(request.method, request.path, json=request.json)
            except httpx.TransportError as error:
                failure = error
            wait = self._wait(attempt, response)
            if wait is None:
                if failure is not None:
                    raise failure
                return self._read(response, kind)
            time.sleep(wait)
            attempt += 1


class AsyncClient(_Common):
    """As Client, for asyncio."""

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
        **asked: Unpack[DecodeKeywords],
    ) -> PredictResponse:
        """As `Client.predict`."""
        return await self._send(_predict(model, texts, pairs, explain, asked), PredictResponse)

    async def zero_shot(
        self, model: str, texts: Sequence[str], labels: Sequence[str], **asked: Any
    ) -> ZeroShotResponse:
        """As `Client.zero_shot`."""
        return await self._send(_zero_shot(model, texts, labels, asked), ZeroShotResponse)

    async def rerank(self, model: str, query: str, documents: Sequence[str], **asked: Any) -> RerankResponse:
        """As `Client.rerank`."""
        return await self._send(_rerank(model, query, documents, asked), RerankResponse)

    async def models(self) -> ModelList:
        """As `Client.models`."""
        return await self._send(_Request("GET", "/v1/models"), ModelList)

    async def model(self, name: str) -> ModelDetail:
        """As `Client.model`."""
        return await self._send(_Request("GET", f"/v1/models/{name}"), ModelDetail)

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, request: _Request, kind: type[_Body]) -> _Body:
        attempt = 0
        while True:
            failure: Exception | None = None
            response = None
            try:
                response = await self._http.request(request.method, request.path, json=request.json)
            except httpx.TransportError as error:
                failure = error
            wait = self._wait(attempt, response)
            if wait is None:
                if failure is not None:
                    raise failure
                return self._read(response, kind)
            await asyncio.sleep(wait)
            attempt += 1

from __future__ import annotations

import asyncio
import json
import logging

import anyio
import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from glossator.service.api.app import create_app
from glossator.service.api.middleware.request_middleware import RequestMiddleware
from glossator.service.api.monitoring.metrics import Metrics
from glossator.service.api.settings import Settings
from glossator.service.inference.model import Model

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"  # the example of W3C Trace Context


def test_request_id_is_repeated_or_created(client: TestClient) -> None:
    assert client.get("/livez", headers={"X-Request-Id": "a.B_c~1-2"}).headers["x-request-id"] == "a.B_c~1-2"
    created = {client.get("/livez").headers["x-request-id"] for _ in range(3)}
    assert len(created) == 3


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "<script>", "ü"])
def test_invalid_request_id_is_replaced(client: TestClient, given: str) -> None:
    answer = client.get("/livez", headers={b"X-Request-Id": given.encode()})
    assert len(answer.headers["x-request-id"]) == 32


def test_valid_traceparent_is_repeated(client: TestClient) -> None:
    assert client.get("/livez", headers={"traceparent": TRACEPARENT}).headers["traceparent"] == TRACEPARENT
    assert "traceparent" not in client.get("/livez", headers={"traceparent": "00-ZZ"}).headers


def test_every_response_has_the_common_headers(client: TestClient) -> None:
    answers = [
        client.post("/v1/models/intents/predict", json={"text": "money"}),
        client.post("/v1/models/intents/predict", json={}),
        client.get("/nothing"),
        client.get("/metrics"),
        client.get("/livez", headers={"Host": "evil.example"}),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"]
        assert "server" not in answer.headers


def test_client_that_disconnects_is_counted_and_gets_no_response(served_models: dict[str, Model]) -> None:
    app = create_app(served_models, Settings())
    sent: list[Message] = []

    async def send_request() -> None:
        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        path = "/v1/models/intents/predict"
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
        await app(scope, receive, send)

    anyio.run(send_request)
    assert sent == []
    counted = app.state.service.metrics.exposition().decode()
    assert 'count{method="POST",route="/v1/models/{name}/predict",status="4xx"} 1.0' in counted


class Panic(BaseException):
    """What a panic of Rust code is in Python: no Exception."""


def answer_of(error: BaseException, *, after: bool = False) -> list[Message]:
    """What is sent for a request whose route raises this error, possibly after the head of its response."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if after:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": [(b"x-request-id", b"id-1")]}
    asyncio.run(RequestMiddleware(app, Metrics(list, "0"))(scope, receive, send))
    return sent


@pytest.mark.parametrize(
    "error",
    [Panic("the text of a customer"), RuntimeError("the text of a customer"), BaseExceptionGroup("", [Panic("text")])],
)
def test_any_failure_is_a_json_error_and_a_log_line_without_text(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        head, body = answer_of(error)
    problem = json.loads(body["body"])
    assert (head["status"], problem["code"], problem["status"]) == (500, "internal-error", 500)
    assert (b"content-type", b"application/problem+json") in head["headers"]
    assert f"request id-1 failed with {type(error).__name__} at " in caplog.text
    assert "text of a customer" not in caplog.text


def test_failure_in_the_middle_of_a_response_sends_no_second_one() -> None:
    assert [message["type"] for message in answer_of(Panic(), after=True)] == ["http.response.start"]


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(3)])
def test_what_ends_the_program_is_not_answered(error: BaseException) -> None:
    with pytest.raises(type(error)):
        answer_of(error)

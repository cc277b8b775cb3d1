from __future__ import annotations

import anyio
import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from glossator.service.api.app import create_app
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

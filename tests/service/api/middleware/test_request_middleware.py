from __future__ import annotations

import anyio
import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from glossator.service.api.app import create_app
from glossator.service.api.settings import Settings
from glossator.service.inference.model import Model

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"  # the example of W3C Trace Context


def test_observe_echoes_a_request_id_or_makes_one(client: TestClient) -> None:
    assert client.get("/livez", headers={"X-Request-Id": "a.B_c~1-2"}).headers["x-request-id"] == "a.B_c~1-2"
    made = {client.get("/livez").headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "<script>", "ü"])
def test_observe_replaces_a_request_id_that_does_not_fit(client: TestClient, given: str) -> None:
    answer = client.get("/livez", headers={b"X-Request-Id": given.encode()})
    assert len(answer.headers["x-request-id"]) == 32


def test_observe_echoes_a_trace_that_is_one(client: TestClient) -> None:
    assert client.get("/livez", headers={"traceparent": TRACEPARENT}).headers["traceparent"] == TRACEPARENT
    assert "traceparent" not in client.get("/livez", headers={"traceparent": "00-ZZ"}).headers


def test_observe_marks_every_answer(client: TestClient) -> None:
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


def test_observe_counts_a_client_that_goes_away_and_answers_nothing(served_models: dict[str, Model]) -> None:
    app = create_app(served_models, Settings())
    sent: list[Message] = []

    async def ask() -> None:
        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        path = "/v1/models/intents/predict"
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
        await app(scope, receive, send)

    anyio.run(ask)
    assert sent == []
    counted = app.state.service.metrics.exposition().decode()
    assert 'count{method="POST",route="/v1/models/{name}/predict",status="4xx"} 1.0' in counted

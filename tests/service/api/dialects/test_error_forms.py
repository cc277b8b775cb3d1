"""Errors before and outside routes have the shape of the dialect whose clients use the path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

FORMS: dict[str, set[str]] = {
    "/hf/intents": {"error", "error_type"},
    "/tei/intents/predict": {"error", "error_type"},
    "/cohere/v2/rerank": {"message", "detail", "id"},
    "/v1/rerank": {"message", "detail", "id"},
    "/v2/rerank": {"message", "detail", "id"},
    "/label-studio/intents/predict": {"detail", "code"},
    "/v2/models/intents/infer": {"error"},
    "/v1/models/intents:predict": {"error"},
    "/v1/embeddings": {"error"},
    "/v1/chat/completions": {"error"},
    "/v1/models/intents/predict": {"type", "title", "status", "detail", "instance", "code", "hint"},
}
KEY = "k" * 32


def has_form(answer: Any, fields: set[str]) -> bool:
    body: dict[str, Any] = answer.json()
    native = "code" in fields and "title" in fields
    kind = "application/problem+json" if native else "application/json"
    inner = body["error"] if "/v1/embeddings" in str(answer.url) or "/v1/chat" in str(answer.url) else {"message": ""}
    return (
        answer.headers["content-type"] == kind
        and (fields <= set(body) if native else fields == set(body))
        and ("message" in inner)
    )


@pytest.mark.parametrize("path", FORMS)
def test_errors_before_routes_have_the_shape_of_the_dialect(make_client: Callable[..., TestClient], path: str) -> None:
    guarded = make_client(api_keys=(KEY,))
    answer = guarded.post(path, json={})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert has_form(answer, FORMS[path]), answer.text
    hasty = make_client(requests_per_minute=1)
    hasty.post(path, json={})
    answer = hasty.post(path, json={})
    assert (answer.status_code, "retry-after" in answer.headers) == (429, True)
    assert has_form(answer, FORMS[path] - {"found"}), answer.text
    refused = make_client().post(path, json={}, headers={"Host": "evil.example"})
    assert refused.status_code == 421
    assert has_form(refused, FORMS[path]), refused.text


@pytest.mark.parametrize("path", [path for path in FORMS if path != "/v1/chat/completions"])
def test_errors_of_transport_have_the_shape_of_the_dialect(make_client: Callable[..., TestClient], path: str) -> None:
    client = make_client(max_body_bytes=64)
    fields = FORMS[path] - {"hint"}
    large = client.post(path, json={"inputs": "x" * 100, "text": "x"})
    assert large.status_code == 413
    assert has_form(large, fields), large.text
    if path != "/v2/models/intents/infer":  # its binary form has any content type
        other = client.post(path, content=b"x", headers={"Content-Type": "text/plain"})
        assert other.status_code in (400, 415)  # Triton knows no 415
        assert has_form(other, fields), other.text
    wrong = client.delete(path)
    assert (wrong.status_code, bool(wrong.headers["allow"])) == (405, True)
    assert has_form(wrong, fields), wrong.text


@pytest.mark.parametrize("path", ["/tei/nothing/at/all", "/hf/intents/nothing", "/v2/nothing", "/v1/chat/completions"])
def test_a_missing_route_has_the_shape_of_the_dialect(client: TestClient, path: str) -> None:
    answer = client.post(path, json={})
    assert answer.status_code == 404
    assert has_form(answer, {"error", "error_type"} if path.startswith(("/tei", "/hf")) else {"error"})


def test_the_dialect_at_the_root_has_its_shape_there_and_only_there(make_client: Callable[..., TestClient]) -> None:
    client = make_client(api_keys=(KEY,), root_dialect="text-embeddings-inference")
    assert set(client.post("/embed", json={}).json()) == {"error", "error_type"}
    assert set(client.post("/", json={}).json()) == {"error", "error_type"}
    assert client.get("/v1/models").json()["code"] == "unauthorized"
    assert client.get("/metrics").json()["code"] == "unauthorized"
    assert set(client.post("/v1/embeddings", json={}).json()) == {"error"}

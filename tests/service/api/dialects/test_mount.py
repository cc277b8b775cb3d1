"""A dialect at the root: reachable without a prefix, and in nobody's way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

DIALECTS = ("hugging-face", "text-embeddings-inference", "cohere", "label-studio")
TASKS = {"tasks": [{"data": {"text": "thanks"}}]}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_dialect_hides_our_own_routes(
    make_client: Callable[..., TestClient], client: TestClient, dialect: str
) -> None:
    at_root = make_client(root_dialect=dialect)
    for path in ("/livez", "/readyz", "/v1/models", "/v1/models/tags", "/v2", "/v2/models/tags", "/openapi.json", "/"):
        assert at_root.get(path).json() == client.get(path).json(), path
    assert "glossator_request_seconds" in at_root.get("/metrics").text
    for page in ("/docs", "/ui"):
        assert at_root.get(page).headers["content-type"].startswith("text/html")
    body = {"text": "thanks"}
    path = "/v1/models/tags/predict"
    assert at_root.post(path, json=body).json() == client.post(path, json=body).json()
    assert at_root.get("/nothing").status_code == 404


@pytest.mark.parametrize(
    ("dialect", "bare", "named", "body"),
    [
        ("hugging-face", "/", "/tags", {"inputs": "thanks"}),
        ("text-embeddings-inference", "/predict", "/tags/predict", {"inputs": "thanks"}),
        ("text-embeddings-inference", "/", "/tags", {"inputs": "thanks"}),
        ("label-studio", "/predict", "/tags/predict", TASKS),
    ],
)
def test_the_first_model_answers_unless_the_path_names_another(
    make_client: Callable[..., TestClient], dialect: str, bare: str, named: str, body: Any
) -> None:
    client = make_client(root_dialect=dialect)
    prefix = {"hugging-face": "/hf", "text-embeddings-inference": "/tei", "label-studio": "/label-studio"}[dialect]
    first = client.post(bare, json=body)
    assert first.status_code == 200, first.text
    assert first.json() == client.post(prefix + "/intents" + bare.rstrip("/"), json=body).json()
    other = client.post(named, json=body)
    assert other.json() == client.post(prefix + named, json=body).json() != first.json()
    assert client.post(prefix + named, json=body).json() == other.json()  # the prefix still names its own model
    assert client.post(named.replace("tags", "nothing"), json=body).status_code == 404


def test_cohere_is_mounted_at_the_root(make_client: Callable[..., TestClient]) -> None:
    client = make_client(root_dialect="cohere")
    found = client.post("/v1/classify", json={"model": "tags", "inputs": ["thanks"]}).json()
    assert found["classifications"][0]["classification_type"] == "multi-label"


def test_metrics_of_tei_stay_below_the_prefix(make_client: Callable[..., TestClient]) -> None:
    client = make_client(root_dialect="text-embeddings-inference")
    assert client.get("/info").json()["model_id"] == "intents"
    assert client.get("/tags/info").json()["model_id"] == "tags"
    assert "glossator_" in client.get("/metrics").text
    assert client.get("/tei/tags/metrics").text.startswith("# HELP te_request_count")

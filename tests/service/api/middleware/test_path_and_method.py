"""Slashes and HEAD, on native routes and on dialects."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from glossator.service.api.middleware.path_and_method import plain_path

URL = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/",
        "/v1//models",
        "http://127.0.0.1:8000//v1/models",
        "/livez/",
        "/tei/intents/info/",
        "/v2/models/intents/",
        "/v2/",
    ],
)
def test_slashes_too_many_are_accepted_without_a_redirect(client: TestClient, path: str) -> None:
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code == 200
    plain = client.get(plain_path(path.removeprefix(URL)))
    assert answer.json() == plain.json()


def test_superfluous_slashes_are_removed() -> None:
    assert [plain_path(path) for path in ("/", "//", "/a//b/", "/a")] == ["/", "/", "/a/b", "/a"]


def test_bodies_arrive_at_paths_with_a_slash(client: TestClient) -> None:
    body = {"inputs": "thanks"}
    for path in ("/hf/intents", "/tei/intents", "/tei/intents/predict"):
        assert client.post(path + "/", json=body).json() == client.post(path, json=body).json()


def test_a_slash_opens_no_door(make_client: Callable[..., TestClient]) -> None:
    client = make_client(api_keys=("k" * 32,))
    for path in ("/metrics/", f"{URL}//metrics", "/v1/models//", "/livez//metrics"):
        assert client.get(path).status_code == 401, path
    assert client.get("/livez/").status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/v1/models", "/tei/intents/health", "/openapi.json", "/ui", "/metrics"])
def test_head_has_the_headers_of_get_and_no_body(client: TestClient, path: str) -> None:
    get, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers.get("content-type") == get.headers.get("content-type")
    if path not in ("/metrics", "/openapi.json"):  # of varying length, and compressed while it is sent
        assert head.headers["content-length"] == get.headers["content-length"]


def test_head_of_a_route_that_only_posts_is_refused(client: TestClient) -> None:
    assert client.head("/tei/intents/predict").status_code == 405
    assert client.head("/nothing").status_code == 404

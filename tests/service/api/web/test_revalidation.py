"""Pages, cards and static files that a browser has already."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from glossator.service.api.web.revalidation import entity_tag, revalidated

PATHS = ["/ui", "/docs", "/ui/models", "/ui/models/intents", "/ui/static/studio.js", "/ui/static/icon.svg"]


def answer_to(if_none_match: str) -> int:
    scope = {"type": "http", "method": "GET", "headers": [(b"if-none-match", if_none_match.encode())]}
    return revalidated(Request(scope), Response("text")).status_code


def test_tags_are_compared_weakly() -> None:
    tag = entity_tag(b"text")
    assert tag == 'W/"982d9e3eb996f559e633f4d194def376"'
    strong = tag.removeprefix("W/")
    for same in (tag, strong, "*", f'"other", {tag}', f'{strong} , W/"x"'):
        assert answer_to(same) == 304, same
    for other in ("", '"other"', tag[:-2] + '"', strong.strip('"'), '"*"'):
        assert answer_to(other) == 200, other


@pytest.mark.parametrize("path", PATHS)
def test_a_kept_copy_is_revalidated(client: TestClient, path: str) -> None:
    first = client.get(path)
    assert first.status_code == 200
    assert first.headers["cache-control"] == "private, no-cache"
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers.get("content-security-policy") == first.headers.get("content-security-policy")
    assert "content-length" not in again.headers
    changed = client.get(path, headers={"If-None-Match": 'W/"0"'})
    assert changed.content == first.content
    head = client.head(path, headers={"If-None-Match": first.headers["etag"]})
    assert (head.status_code, head.content) == (304, b"")


def test_answers_and_errors_are_not_kept(client: TestClient) -> None:
    for path in ("/v1/models", "/livez", "/ui/session", "/nowhere", "/ui/static/nothing.js", "/ui/models/nothing"):
        answer = client.get(path)
        assert answer.headers["cache-control"] == "no-store", path
        assert "etag" not in answer.headers


def test_a_copy_shows_nothing_to_a_caller_without_a_key(make_client: Callable[..., TestClient]) -> None:
    client = make_client(api_keys=("correct-horse-battery",))
    key = {"Authorization": "Bearer correct-horse-battery"}
    tag = client.get("/ui/models/intents", headers=key).headers["etag"]
    refused = client.get("/ui/models/intents", headers={"If-None-Match": tag}, follow_redirects=False)
    assert refused.status_code == 303

"""The buttons below an answer: where they are, what they store, and that nothing of a comment becomes markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

MakeClient = Callable[..., TestClient]
PART = {"HX-Request": "true"}


@pytest.fixture
def client(make_client: MakeClient, tmp_path: Path) -> TestClient:
    return make_client(prediction_log=tmp_path / "log", free_disk_bytes=0)


def ask(client: TestClient, model: str = "intents") -> dict[str, Any]:
    """Predict on the page. Returns the hidden fields of the form."""
    page = client.post("/ui/answer", data={"model": model, "text": "money"}, headers=PART).text
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


def test_buttons_are_shown_where_answers_are_logged(make_client: MakeClient, tmp_path: Path) -> None:
    logging = make_client(prediction_log=tmp_path / "log", prediction_log_models="intents", free_disk_bytes=0)
    assert set(ask(logging)) == {"request", "model"}
    assert ask(logging, "tags") == {}
    assert ask(make_client()) == {}
    assert make_client().post("/ui/feedback", data={}).status_code == 404


def test_a_comment_never_becomes_markup(client: TestClient) -> None:
    """SECURITY: stored and shown again, by the page and by the API as JSON."""
    comment = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>"
    reply = client.post("/ui/feedback", data={**ask(client), "correct": "no", "comment": comment}, headers=PART)
    assert reply.status_code == 200
    assert "<script" not in reply.text
    assert "<img" not in reply.text
    assert "script-src 'self'" in reply.headers["content-security-policy"]
    listed = client.get("/v1/feedback")
    assert listed.headers["content-type"] == "application/json"
    assert listed.headers["x-content-type-options"] == "nosniff"
    assert listed.json()["feedback"][0]["comment"] == comment
    hostile = {"request": '"><script>', "model": '"><script>', "correct": "no"}
    for headers in (PART, {}):
        refused = client.post("/ui/feedback", data=hostile, headers=headers)
        assert refused.status_code == 404
        assert "<script>" not in refused.text


def test_the_form_stores_the_right_labels(client: TestClient) -> None:
    fields = ask(client, "tags")
    assert "Which labels are right?" in client.post("/ui/feedback", data={**fields, "correct": "no"}, headers=PART).text
    for data, gold, correct in (
        ({"several": "yes", "labels": ["refund", "praise"]}, {"labels": ["refund", "praise"]}, False),
        ({"several": "yes", "labels": [""]}, {"labels": []}, False),
        ({"several": "yes", "labels": ["refund"]}, {"labels": ["refund"]}, True),
        ({"several": "yes", "comment": "odd"}, None, False),
        ({"correct": "yes"}, None, True),
    ):
        reply = client.post("/ui/feedback", data={**fields, **data}, headers=PART)
        assert reply.status_code == 200
        (found,) = client.get("/v1/feedback").json()["feedback"]
        assert (found.get("gold"), found["correct"]) == (gold, correct)
    single = ask(client)
    client.post("/ui/feedback", data={**single, "labels": ""}, headers=PART)
    assert client.get("/v1/feedback", params={"model": "intents"}).json()["feedback"][0]["correct"] is False


def test_feedback_is_taken_back_and_asked_for_again(client: TestClient) -> None:
    fields = ask(client)
    reply = client.post("/ui/feedback", data={**fields, "correct": "yes"})
    assert "<!doctype html>" in reply.text  # a whole page without scripts
    stored = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', reply.text))
    again = client.post("/ui/feedback/undo", data=stored, headers=PART)
    assert "Is this answer right?" in again.text
    assert client.get("/v1/feedback").json()["feedback"] == []
    unknown = client.post("/ui/feedback/undo", data={**stored, "id": "feedback_0"}, headers=PART)
    assert (unknown.status_code, 'role="alert"' in unknown.text) == (404, True)

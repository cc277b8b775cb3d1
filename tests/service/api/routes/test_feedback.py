"""Feedback over HTTP: answers are found by request or text, owners see their own, nothing is stored twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from glossator.service.api.security.key_changes import add_key
from glossator.service.monitoring.prediction_log.erasures import erase
from glossator.service.monitoring.prediction_log.records import hash_text
from glossator.service.reviews.accuracy.live_accuracy import live_accuracy
from glossator.service.reviews.accuracy.periods import draw_items, open_period
from glossator.service.reviews.erasure import erase_reviewed
from glossator.service.reviews.feedback import TABLES, FeedbackStore
from glossator.service.reviews.store import FILE, open_review_database, open_review_store

MakeClient = Callable[..., TestClient]
PREDICT = "/v1/models/intents/predict"


@pytest.fixture
def client(make_client: MakeClient, tmp_path: Path) -> TestClient:
    return make_client(prediction_log=tmp_path / "log", prediction_log_texts=True, free_disk_bytes=0)


def predict(client: TestClient, *texts: str, **headers: str) -> str:
    """Predict texts. Returns the id of the request."""
    answer = client.post(PREDICT, json={"texts": texts}, headers=headers)
    assert answer.status_code == 200
    return answer.headers["x-request-id"]


def give(client: TestClient, *, headers: dict[str, str] | None = None, **row: Any) -> Any:
    return client.post("/v1/feedback", json=row, headers=headers)


def listed(client: TestClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/v1/feedback", params=query).json()["feedback"]
    return found


def test_an_answer_is_called_wrong_by_its_request(client: TestClient) -> None:
    request = predict(client, "money", "the parcel")
    first = give(client, request=request, place=1, labels=["refund"], comment="about money")
    assert first.status_code == 200
    (stored,) = first.json()["results"]
    assert (stored["status"], stored["correct"], stored["request"], stored["place"]) == ("stored", False, request, 1)
    (known,) = give(client, request=request, place=1, labels=["refund"], comment="about money").json()["results"]
    assert known == stored | {"status": "known"}
    (found,) = listed(client, model="intents")
    assert (found["id"], found["text"], found["gold"]) == (stored["id"], "the parcel", {"labels": ["refund"]})
    assert (found["comment"], found["reviewer"], found["sha256"]) == ("about money", "local", hash_text("the parcel"))
    assert found["version"] == client.get("/v1/models/intents").json()["version"]
    assert listed(client, model="tags") == []


def test_an_answer_is_found_by_its_text(client: TestClient) -> None:
    predict(client, "money")
    newest = predict(client, "money")
    (stored,) = give(client, model="intents", text="money", correct=True, reviewer="ana").json()["results"]
    assert (stored["request"], stored["correct"]) == (newest, True)
    (unlogged,) = give(client, model="intents", text="never sent", labels=["refund"]).json()["results"]
    assert "request" not in unlogged
    assert "version" not in unlogged
    unknown = give(client, model="intents", text="never sent", correct=False)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-answer")
    assert [each["reviewer"] for each in listed(client)] == ["local", "ana"]
    digest = client.get("/v1/models/intents").json()["version"]
    assert give(client, model=f"intents@{digest[:12]}", text="money", correct=True).json()["results"][0]["request"]


@pytest.mark.parametrize(
    ("row", "status", "code", "expected"),
    [
        ({"request": "mine", "labels": ["refnd"]}, 422, "invalid-feedback", "one of: refund, delivery, praise"),
        ({"request": "mine", "entities": []}, 422, "invalid-feedback", "labels"),
        ({"request": "mine", "place": 7, "correct": True}, 404, "unknown-answer", "X-Request-Id"),
        ({"request": "other", "correct": True}, 404, "unknown-answer", "X-Request-Id"),
        ({"request": "mine", "model": "tags", "correct": True}, 404, "unknown-answer", "X-Request-Id"),
        ({"model": "nothing", "text": "money", "correct": True}, 404, "unknown-model", "intents"),
        ({"request": "mine"}, 422, "invalid-request", ""),
        ({"request": "mine", "correct": "yes"}, 422, "invalid-request", ""),
        ({}, 422, "invalid-request", ""),
    ],
)
def test_feedback_that_cannot_be_used_is_a_problem(
    client: TestClient, row: dict[str, Any], status: int, code: str, expected: str
) -> None:
    predict(client, "money", **{"X-Request-Id": "mine"})
    refused = give(client, **row)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (status, code)
    assert problem.get("hint")
    assert expected in problem.get("expected", "")


def test_each_row_of_a_batch_has_a_result_in_order(client: TestClient) -> None:
    request = predict(client, "money", "the parcel")
    rows: list[Any] = [
        {"request": request, "correct": True},
        {"request": request, "correct": "yes"},
        {"request": "unknown", "correct": True},
        17,
        {"request": request, "place": 1, "labels": ["nothing"]},
        {"model": "intents", "text": "a\ud800", "labels": ["refund"]},
        {"request": request, "place": 1, "labels": ["delivery"]},
    ]
    body = json.dumps({"feedback": rows}).encode("ascii")
    answer = client.post("/v1/feedback", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [each.get("status") or each["error"]["code"] for each in results] == [
        "stored", "invalid-feedback", "unknown-answer", "invalid-feedback", "invalid-feedback", "undecodable-text",
        "stored",
    ]  # fmt: skip
    assert len(listed(client)) == 2
    assert client.post("/v1/feedback", json={"feedback": []}).json() == {"results": []}


def test_limits_of_a_batch(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(prediction_log=tmp_path / "log", free_disk_bytes=0, max_texts=3, max_body_bytes=5_000)
    row = {"request": "r", "correct": True}
    many = client.post("/v1/feedback", json={"feedback": [row] * 4})
    assert (many.status_code, many.json()["code"]) == (422, "too-many-texts")
    large = client.post("/v1/feedback", json=row | {"comment": "x" * 5_000})
    assert (large.status_code, large.json()["code"]) == (413, "body-too-large")
    long = client.post("/v1/feedback", json=row | {"comment": "x" * 2_001})
    assert (long.status_code, long.json()["faults"][0]["where"]) == (422, "comment")
    other = client.post("/v1/feedback", json={"feedback": [row], "correct": True})
    assert (other.status_code, other.json()["code"]) == (422, "invalid-request")
    assert client.post("/v1/feedback", json={"feedback": 3}).status_code == 422
    assert client.post("/v1/feedback", content=b"[").status_code == 415


def test_an_idempotency_key_returns_the_first_results(client: TestClient) -> None:
    request = predict(client, "money")
    headers = {"Idempotency-Key": "once"}
    first = give(client, headers=headers, request=request, correct=True)
    give(client, request=request, correct=False)
    again = give(client, headers=headers, request=request, correct=True)
    assert (again.status_code, again.json()) == (200, first.json())
    assert [each["correct"] for each in listed(client)] == [False]  # the late repetition did not count again
    other = give(client, headers=headers, request=request, correct=False)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-conflict")
    failed = {"Idempotency-Key": "failed"}
    assert give(client, headers=failed, request="later", correct=True).status_code == 404
    predict(client, "money", **{"X-Request-Id": "later"})
    assert give(client, headers=failed, request="later", correct=True).status_code == 200


def test_feedback_is_taken_back(client: TestClient) -> None:
    request = predict(client, "money", "the parcel", "thanks")
    for place in range(3):
        give(client, request=request, place=place, correct=True)
    first, second, third = listed(client)
    page = client.get("/v1/feedback", params={"limit": 2}).json()
    assert ([each["id"] for each in page["feedback"]], page["more"]) == ([first["id"], second["id"]], True)
    assert [each["id"] for each in listed(client, limit=2, after=second["id"])] == [third["id"]]
    for _ in range(2):
        assert client.delete(f"/v1/feedback/{second['id']}").status_code == 204
    assert [each["id"] for each in listed(client)] == [first["id"], third["id"]]
    for unknown in ("feedback_0", "feedback_" + "0" * 24, "%00"):
        assert client.delete(f"/v1/feedback/{unknown}").status_code == 404
    assert client.get("/v1/feedback", params={"after": "feedback_0"}).status_code == 404
    assert client.get("/v1/feedback", params={"model": "\0"}).status_code == 422


def test_owners_give_and_see_feedback_on_their_own_answers_only(make_client: MakeClient, tmp_path: Path) -> None:
    """SECURITY: another's request looks exactly like an unknown one."""
    keys = tmp_path / "keys.json"
    scopes: dict[str, list[Any]] = {
        "me": ["infer", "label"],
        "you": ["infer", "label"],
        "boss": ["infer", "label", "admin"],
    }
    me, you, boss = (
        {"Authorization": f"Bearer {add_key(keys, name, allowed, None)}"} for name, allowed in scopes.items()
    )
    client = make_client(prediction_log=tmp_path / "log", free_disk_bytes=0, key_file=keys)
    client.post(PREDICT, json={"text": "money"}, headers=you | {"X-Request-Id": "yours"})
    for row in ({"request": "yours", "correct": True}, {"model": "intents", "text": "money", "correct": True}):
        theirs = give(client, headers=me, **row)
        nobodys = give(
            client,
            headers=me,
            **{name: "none" if name != "model" else value for name, value in row.items()} | {"correct": True},
        )
        assert theirs.status_code == nobodys.status_code == 404
        same = [{k: v for k, v in each.json().items() if k != "found"} for each in (theirs, nobodys)]
        assert same[0] == same[1]
    client.post(
        PREDICT, json={"text": "thanks"}, headers=me | {"X-Request-Id": "yours"}
    )  # an id that somebody else used
    assert give(client, headers=me, request="yours", correct=True).json()["results"][0]["status"] == "stored"
    assert give(client, headers=you, request="yours", correct=False).json()["results"][0]["status"] == "stored"
    assert give(client, headers=boss, request="yours", correct=False).json()["results"][0]["status"] == "stored"
    by = {
        name: client.get("/v1/feedback", headers=key).json()["feedback"]
        for name, key in (("me", me), ("you", you), ("boss", boss))
    }
    assert {name: [each["reviewer"] for each in rows] for name, rows in by.items()} == {
        "me": ["key:me"], "you": ["key:you"], "boss": ["key:boss", "key:you", "key:me"],
    }  # fmt: skip
    assert by["me"][0]["sha256"] == hash_text("thanks")
    assert by["you"][0]["sha256"] == hash_text("money")
    yours = by["you"][0]["id"]
    assert client.delete(f"/v1/feedback/{yours}", headers=me).status_code == 404
    assert client.get("/v1/feedback", params={"after": yours}, headers=me).status_code == 404
    assert client.delete(f"/v1/feedback/{yours}", headers=boss).status_code == 204
    named = give(client, headers=me, request="yours", correct=True, reviewer="you")
    assert (named.status_code, named.json()["code"]) == (422, "invalid-feedback")


def test_erased_answers_take_their_feedback_with_them(client: TestClient, tmp_path: Path) -> None:
    request = predict(client, "money", "the parcel")
    for place in range(2):
        assert give(client, request=request, place=place, correct=True).status_code == 200
    erase(tmp_path / "log", text_hashes=[hash_text("money")])
    assert erase_reviewed(tmp_path / "log", None, text_hashes=[hash_text("money")]) == 1
    assert [each["text"] for each in listed(client)] == ["the parcel"]
    assert give(client, request=request, correct=True).status_code == 404


def test_texts_are_stored_only_if_they_are_logged(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(prediction_log=tmp_path / "log", free_disk_bytes=0)
    predict(client, "money")
    give(client, model="intents", text="money", correct=True)
    give(client, model="intents", text="never sent", labels=["refund"])
    assert [each.get("text") for each in listed(client)] == [None, None]
    assert b"never sent" not in b"".join(path.read_bytes() for path in (tmp_path / "log").glob(f"{FILE}*"))


def test_a_server_without_a_log_says_how_to_get_one(make_client: MakeClient) -> None:
    client = make_client()
    for answer in (
        give(client, request="r", correct=True),
        client.get("/v1/feedback"),
        client.delete("/v1/feedback/feedback_0"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "feedback-off")
        assert "--log FOLDER" in answer.json()["hint"]
    assert "/v1/feedback" not in client.get("/openapi.json").json()["paths"]


def test_a_store_that_cannot_be_written_is_reported_and_predictions_go_on(
    make_client: MakeClient, tmp_path: Path
) -> None:
    client = make_client(prediction_log=tmp_path / "log", free_disk_bytes=0)
    request = predict(client, "money")
    assert give(client, request=request, correct=True).status_code == 200
    database = open_review_database(tmp_path / "log")
    with database.transaction() as execute:
        execute(f"UPDATE {TABLES.version_table} SET version = version + 1", {})
    newer = make_client(prediction_log=tmp_path / "log", free_disk_bytes=0)
    refused = give(newer, request=request, correct=True)
    assert (refused.status_code, refused.json()["code"]) == (503, "store-unavailable")
    assert "newer version" in refused.json()["detail"]
    assert refused.json()["hint"] == "Install that version of Glossator."
    predict(newer, "money")
    with database.transaction() as execute:
        execute(f"UPDATE {TABLES.version_table} SET version = version - 1", {})
    database.close()
    assert give(newer, request=request, correct=True).status_code == 200
    full = make_client(prediction_log=tmp_path / "log", free_disk_bytes=1 << 60)
    no_room = give(full, request=request, correct=True)
    assert (no_room.status_code, no_room.json()["code"]) == (507, "no-room")
    assert no_room.json()["hint"]


def test_where_the_store_is_stays_in_the_log_of_the_server(
    make_client: MakeClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(prediction_log=tmp_path / "log", free_disk_bytes=0)
    (tmp_path / "log" / FILE).mkdir()
    request = predict(client, "money")
    for _ in range(2):
        refused = give(client, request=request, correct=True)
        assert (refused.status_code, refused.json()["code"]) == (503, "store-unavailable")
        assert str(tmp_path) not in refused.text
    assert caplog.text.count(f"{tmp_path / 'log' / FILE}") == 1
    (tmp_path / "log" / FILE).rmdir()
    assert give(client, request=request, correct=True).status_code == 200


def test_the_server_answers_while_the_log_is_searched(client: TestClient, tmp_path: Path) -> None:
    filler = (
        b'{"time":"2026-01-01T00:00:00.000000Z","request":"%032x","place":0,"sha256":"0","text":"'
        + b"x" * 400
        + b'"}\n'
    )
    with (tmp_path / "log" / "2026-01-01T000000.000000Z-1-a.jsonl").open("wb") as file:
        for number in range(100_000):
            file.write(filler % number)
    statuses: list[int] = []
    searching = threading.Thread(target=lambda: statuses.append(give(client, request="none", correct=True).status_code))
    searching.start()
    for _ in range(3):
        predict(client, "money")
    searching.join()
    assert statuses == [404]
    assert any(thread.name.startswith("feedback") for thread in threading.enumerate())


def test_feedback_is_no_review_and_does_not_change_the_accuracy(client: TestClient, tmp_path: Path) -> None:
    """Who gives feedback chooses what about: an accuracy of it would be biased."""
    request = predict(client, *["money"] * 20)
    for place in range(20):
        assert give(client, request=request, place=place, correct=False).status_code == 200
    client.__exit__(None, None, None)  # all that was answered is in the log then
    store = open_review_store(tmp_path / "log")
    period = open_period(store, tmp_path / "log", "intents", since=None, until="2100", planned_labels=10)
    draw_items(store, period, 10)
    found = live_accuracy(store, period, alpha=0.05)
    store.close()
    assert (found.estimate.labels, found.estimate.value) == (0, None)


def test_the_document_describes_feedback(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert set(document["paths"]["/v1/feedback"]) == {"get", "post"}
    assert set(document["paths"]["/v1/feedback/{feedback_id}"]) == {"delete"}
    assert {"FeedbackRow", "FeedbackRows", "FeedbackResponse"} <= set(document["components"]["schemas"])


def test_feedback_is_shared_by_all_servers_of_a_database(
    make_client: MakeClient, tmp_path: Path, database_url: str | None
) -> None:
    more = {} if database_url is None else {"review_database": database_url}
    first = make_client(prediction_log=tmp_path / "log", free_disk_bytes=0, **more)
    second = make_client(prediction_log=tmp_path / "log", free_disk_bytes=0, **more)
    request = predict(first, "money")
    assert give(second, request=request, correct=True).json()["results"][0]["status"] == "stored"
    assert give(first, request=request, correct=True).json()["results"][0]["status"] == "known"
    store = FeedbackStore(open_review_database(tmp_path / "log", database_url))
    assert [each.request for each in store.feedback("intents")] == [request]
    store.close()

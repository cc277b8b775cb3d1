"""Reviews over HTTP: a period is opened, items are leased, reviews are stored and withdrawn, keys say who reviews."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from review_periods import TICKET_LABELS, make_period, ticket
from starlette.testclient import TestClient

from glossator.service.api.security.key_changes import add_key
from glossator.service.monitoring.prediction_log.erasures import erase
from glossator.service.monitoring.prediction_log.records import hash_text
from glossator.service.reviews.store import open_review_store

MakeClient = Callable[..., TestClient]
BASE = "/v1/reviews/tickets"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


@pytest.fixture
def period(log: Path) -> str:
    """The id of a period of 60 tickets with 30 draws."""
    store = open_review_store(log)
    found = make_period(store, log, [ticket(n, sha256=hash_text(f"text {n}")) for n in range(60)], draws=30)
    store.close()
    return found.id


@pytest.fixture
def client(make_client: MakeClient, log: Path, period: str) -> TestClient:
    return make_client(prediction_log=log, prediction_log_texts=True, free_disk_bytes=0)


def next_items(client: TestClient, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(f"{BASE}/next", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def send(client: TestClient, period: str, *reviews: dict[str, Any], **more: Any) -> Any:
    return client.post(BASE, json={"period": period, "reviews": list(reviews)} | more)


def test_a_period_is_opened_as_the_monitor_does(make_client: MakeClient, log: Path) -> None:
    client = make_client(prediction_log=log, prediction_log_texts=True, free_disk_bytes=0)
    for number in range(3):
        client.post("/v1/models/intents/predict", json={"texts": ["money", f"the parcel {number}"]})
    client.__exit__(None, None, None)  # writes the log
    client = make_client(prediction_log=log, prediction_log_texts=True, free_disk_bytes=0)
    wanted = {"until": "2126-01-01", "labels": 20, "overlap": 0.5}
    opened = client.post("/v1/reviews/intents/periods", json=wanted)
    assert opened.status_code == 200, opened.text
    found = opened.json()
    assert (found["model"], found["answers"], found["kind"]) == ("intents", 6, "label")
    assert found["labels"] == ["refund", "delivery", "praise", "greeting", "complaint", "other"]  # all of the model
    assert client.post("/v1/reviews/intents/periods", json=wanted).json() == found
    status = client.get("/v1/reviews/intents/status").json()
    assert (status["draws"], status["overlap"]["share"], status["version"]) == (20, 0.5, found["version"])
    queue = client.get("/v1/reviews/intents/next", params={"count": 100}).json()
    assert {item["text"] for item in queue["items"]} <= {"money", *(f"the parcel {number}" for number in range(3))}
    nothing = client.post("/v1/reviews/intents/periods", json={"since": "2125-01-01"})
    assert (nothing.status_code, nothing.json()["code"]) == (422, "config-error")
    assert client.post("/v1/reviews/intents/periods", json={"since": "monday"}).json()["code"] == "config-error"


def test_items_are_reviewed_once_and_the_status_follows(client: TestClient, period: str) -> None:
    queue = client.get(f"{BASE}/next", params={"reviewer": "ann", "count": 5}).json()
    assert (queue["period"], queue["kind"], queue["labels"]) == (period, "label", list(TICKET_LABELS))
    items = queue["items"]
    assert items[0]["text"] == f"text {items[0]['item']}"
    assert items[0]["answer"] == {"labels": [TICKET_LABELS[items[0]["item"] % 3]]}
    assert next_items(client, reviewer="ann", count=5) == items
    assert not {each["item"] for each in next_items(client, reviewer="bob", count=5)} & {each["item"] for each in items}
    reviews = [
        {"item": items[0]["item"], "correct": True, "seconds": 2},
        {"item": items[1]["item"], "gold_labels": ["login"], "comment": "hm"},
        {"item": items[2]["item"], "skip": True},
    ]
    assert send(client, period, *reviews, reviewer="ann").json() == {"period": period, "new": 3, "known": 0}
    assert send(client, period, *reviews, reviewer="ann").json() == {"period": period, "new": 0, "known": 3}
    assert [each["item"] for each in next_items(client, reviewer="ann", count=2)] == [
        each["item"] for each in items[3:]
    ]
    status = client.get(f"{BASE}/status").json()
    assert (status["reviewed"], status["skipped"], status["reviewers"][0]["name"]) == (3, 1, "ann")
    assert status["reviewers"][0]["seconds"] == 2.0
    assert status["accuracy"]["reviewed"] >= 2
    assert "however often you look" in status["sentence"]


def test_a_review_is_withdrawn_and_the_item_comes_back(client: TestClient, period: str) -> None:
    (first,) = next_items(client, reviewer="ann", count=1)
    send(client, period, {"item": first["item"], "correct": False}, reviewer="ann")
    path = f"{BASE}/{first['item']}"
    undone = {"period": period, "item": first["item"], "reviewer": "ann", "undone": True}
    assert client.delete(path, params={"reviewer": "ann"}).json() == undone
    assert client.delete(path, params={"reviewer": "ann"}).json() == undone | {"undone": False}
    assert next_items(client, reviewer="bob", count=1) == [first]
    assert client.delete(f"{BASE}/999999").json()["code"] == "unknown-item"


def test_reviews_that_cannot_be_used_are_all_named_and_nothing_is_stored(client: TestClient, period: str) -> None:
    items = [each["item"] for each in next_items(client, count=4)]
    refused = send(
        client,
        period,
        {"item": items[0], "correct": True},
        {"item": items[1], "correct": True, "skip": True},
        {"item": items[2], "gold_labels": ["refnd"]},
        {"item": items[3]},
        {"item": 10**9, "correct": True},
        {"item": items[3], "correct": True, "comment": "a\u0000b"},
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid-review")
    faults = {each["where"]: each["message"] for each in refused.json()["faults"]}
    assert list(faults) == [f"reviews[{place}]" for place in range(1, 6)]
    assert faults["reviews[1]"] == "it says more than one thing: correct, skip"
    assert faults["reviews[2]"] == "unknown label refnd; known: billing, delivery, login"
    assert client.get(f"{BASE}/status").json()["reviewed"] == 0
    assert send(client, period, {"item": items[2], "gold_labels": ["refnd"]}, new_labels=True).json()["new"] == 1
    assert send(client, "period_0", {"item": items[0], "correct": True}).json()["code"] == "unknown-period"
    assert send(client, period).json()["code"] == "invalid-request"
    assert send(client, period, {"item": -1, "correct": True}).json()["code"] == "invalid-request"
    assert send(client, period, {"item": items[0], "correct": "yes"}).json()["code"] == "invalid-request"


def test_a_large_body_is_read_whole(client: TestClient, period: str) -> None:
    (item,) = client.get(f"{BASE}/next", params={"count": 1}).json()["items"]
    review = {"item": item["item"], "correct": True, "comment": "x" * 2_000}
    body = {"period": period, "reviews": [review] * 100}  # too large to be read between two other requests
    assert client.post(BASE, json=body).json() == {"period": period, "new": 1, "known": 99}
    wrong = client.post(BASE, json=body | {"reviews": [review] * 99 + [{"item": "x"}]})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid-request")
    assert "reviews[99].item" in wrong.text


def test_reviewers_who_differ_are_shown_to_the_adjudicator(client: TestClient, period: str) -> None:
    (first,) = next_items(client, reviewer="ann", count=1)
    send(client, period, {"item": first["item"], "correct": True}, reviewer="ann")
    send(client, period, {"item": first["item"], "gold_labels": ["login"]}, reviewer="bob", new_labels=True)
    send(client, period, {"item": first["item"], "correct": False, "comment": "no"}, reviewer="carol")
    (found,) = client.get(f"{BASE}/differing").json()["items"]
    assert (found["item"], found["text"]) == (first["item"], first["text"])
    said = [(each["reviewer"], each["verdict"]) for each in found["reviews"]]
    assert said[0] == ("ann", "right")
    assert said[2] == ("carol", "wrong")
    assert client.get(f"{BASE}/status").json()["differing"] == [first["item"]]
    send(client, period, {"item": first["item"], "correct": True}, reviewer="chief", adjudicator=True)
    assert client.get(f"{BASE}/differing").json()["items"] == []


def test_blind_items_and_erased_texts_are_not_shown(client: TestClient, log: Path, period: str) -> None:
    items = next_items(client, count=3)
    assert next_items(client, count=3, blind=True)[0]["answer"] == {}
    erase(log, text_hashes=[items[0]["sha256"]])
    again = next_items(client, count=3)
    assert "text" not in again[0]
    assert again[1]["text"] == items[1]["text"]


def test_the_key_says_who_reviews(make_client: MakeClient, log: Path, period: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = {
        name: {"Authorization": f"Bearer {add_key(path, name, scopes, None)}"}
        for name, scopes in (("ann", ["label"]), ("bob", ["label"]), ("chief", ["label", "admin"]), ("app", ["infer"]))
    }
    client = make_client(prediction_log=log, free_disk_bytes=0, key_file=path)
    queue = client.get(f"{BASE}/next", headers=keys["ann"], params={"count": 1}).json()
    item = queue["items"][0]["item"]
    body = {"period": period, "reviews": [{"item": item, "correct": True}]}
    assert client.post(BASE, json=body, headers=keys["ann"]).json()["new"] == 1
    status = client.get(f"{BASE}/status", headers=keys["bob"]).json()
    assert [each["name"] for each in status["reviewers"]] == ["ann"]
    assert client.get(f"{BASE}/next", headers=keys["app"]).json()["code"] == "scope-missing"
    other = client.get(f"{BASE}/next", headers=keys["bob"], params={"reviewer": "ann"})
    assert (other.status_code, other.json()["code"]) == (422, "invalid-request")
    assert client.post(BASE, json=body | {"reviewer": "ann"}, headers=keys["bob"]).json()["code"] == "invalid-request"
    undo = {"url": f"{BASE}/{item}", "params": {"reviewer": "ann"}}
    assert client.delete(**undo, headers=keys["bob"]).json()["code"] == "scope-missing"
    assert client.post(BASE, json=body | {"adjudicator": True}, headers=keys["bob"]).json()["code"] == "scope-missing"
    assert client.post(f"{BASE}/periods", json={}, headers=keys["bob"]).json()["code"] == "scope-missing"
    assert client.delete(**undo, headers=keys["chief"]).json()["undone"] is True
    assert client.post(BASE, json=body | {"adjudicator": True}, headers=keys["chief"]).json()["new"] == 1


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_servers_share_a_queue_in_postgresql(make_client: MakeClient, log: Path, database_url: str) -> None:
    store = open_review_store(log, database_url)
    period = make_period(store, log, draws=30).id
    store.close()
    one, two = (make_client(prediction_log=log, free_disk_bytes=0, review_database=database_url) for _ in range(2))
    first, second = next_items(one, reviewer="ann", count=5), next_items(two, reviewer="bob", count=5)
    assert not {each["item"] for each in first} & {each["item"] for each in second}
    assert send(one, period, {"item": first[0]["item"], "correct": True}, reviewer="ann").json()["new"] == 1
    assert send(two, period, {"item": first[0]["item"], "correct": True}, reviewer="ann").json()["known"] == 1
    assert two.get(f"{BASE}/status").json()["reviewed"] == 1


def test_what_is_missing_is_said(make_client: MakeClient, log: Path) -> None:
    off = make_client()
    for method, path in (("GET", "/next"), ("POST", ""), ("GET", "/status"), ("POST", "/periods"), ("DELETE", "/1")):
        answer = off.request(method, f"/v1/reviews/intents{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "reviews-off")
    client = make_client(prediction_log=log, free_disk_bytes=0)
    for path in ("next", "status", "differing"):
        assert client.get(f"/v1/reviews/intents/{path}").json()["code"] == "unknown-period"
        assert client.get(f"/v1/reviews/nobody/{path}").json()["code"] == "unknown-model"
    assert client.delete("/v1/reviews/intents/1").json()["code"] == "unknown-period"
    assert "/v1/reviews/{name}/next" in client.get("/openapi.json").json()["paths"]
    assert "/v1/reviews/{name}/next" not in off.get("/openapi.json").json()["paths"]


def test_a_store_of_a_newer_version_is_reported_and_answers_go_on(client: TestClient, log: Path) -> None:
    store = open_review_store(log)
    with store._database.transaction() as execute:
        execute("UPDATE review_store SET version = 99", {})
    store.close()
    refused = client.get(f"{BASE}/status")
    assert (refused.status_code, refused.json()["code"]) == (503, "store-unavailable")
    assert "newer version" in refused.json()["detail"]
    assert client.post("/v1/models/intents/predict", json={"text": "money"}).status_code == 200

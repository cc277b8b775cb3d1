"""Promotions over HTTP: from a log with shadows to evidence that a challenger is no worse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from two_versions import CHALLENGER, CHAMPION, LABELS, reviewed, write_two_versions
from vote_bundle import vote_bundle

from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.api.security.key_changes import add_key
from glossator.service.inference.model import load
from glossator.service.monitoring.prediction_log.erasures import erase
from glossator.service.promotion.challenges import open_challenge, refresh_batches
from glossator.service.promotion.records import Challenge
from glossator.service.promotion.store import PromotionStore
from glossator.service.registry import Registry
from glossator.service.reviews.store import open_review_database

MakeClient = Callable[..., TestClient]
BASE = "/v1/promotions/tickets"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def gold(log: Path) -> dict[str, str]:
    """The right labels of a log in which the challenger is better."""
    return write_two_versions(log, 1_500, better=0.06, worse=0.01, both_wrong=0.0)


@pytest.fixture
def store(log: Path, gold: dict[str, str]) -> Iterator[PromotionStore]:
    opened = PromotionStore(open_review_database(log))
    yield opened
    opened.close()


@pytest.fixture
def challenge(store: PromotionStore) -> Challenge:
    """Begun as `glossator promote` does, before anything was frozen."""
    return open_challenge(store, "tickets", "promote", candidate=CHALLENGER, baseline=CHAMPION)


@pytest.fixture
def client(make_client: MakeClient, log: Path, challenge: Challenge) -> TestClient:
    return make_client(prediction_log=log, prediction_log_texts=True, free_disk_bytes=0)


def ask(client: TestClient, path: str = "", **query: Any) -> dict[str, Any]:
    answer = client.get(f"{BASE}{path}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def send(client: TestClient, challenge: Challenge, reviews: list[dict[str, Any]], **more: Any) -> list[Any]:
    answer = client.post(f"{BASE}/reviews", json={"challenge": challenge.id, "reviews": reviews} | more)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["results"]
    return found


def say(task: dict[str, Any], gold: dict[str, str]) -> dict[str, Any]:
    return {"item": task["item"], "right": reviewed(task, gold)["right"]}


def test_a_challenger_is_reviewed_until_it_is_shown_to_be_no_worse(
    client: TestClient, store: PromotionStore, challenge: Challenge, gold: dict[str, str]
) -> None:
    (before,) = ask(client)["challenges"]
    assert (before["challenge"], before["direction"], before["state"]) == (challenge.id, "promote", "open")
    assert (before["candidate"], before["baseline"]) == (CHALLENGER, CHAMPION)
    assert (before["evidence"]["texts"], before["evidence"]["difference"], before["waiting"]) == (0, None, 0)
    assert ask(client, "/tasks")["tasks"] == []

    frozen = client.post(f"{BASE}/batches", json={}).json()
    assert (frozen["evidence"]["texts"], frozen["evidence"]["shown"]) == (1_500, False)
    assert frozen["waiting"] == frozen["evidence"]["disagreements"] > 50
    assert client.post(f"{BASE}/batches", json={"challenge": challenge.id}).json() == frozen

    waiting = frozen["waiting"]
    while tasks := ask(client, "/tasks", count=100, challenge=challenge.id)["tasks"]:
        assert set(tasks[0]) == {"item", "sha256", "text", "a", "b"}
        assert CHALLENGER not in json.dumps(tasks)
        reviews = [say(each, gold) for each in tasks]
        assert send(client, challenge, reviews, reviewer="ann") == [
            {"item": each["item"], "status": "stored"} for each in tasks
        ]
        assert {each["status"] for each in send(client, challenge, reviews, reviewer="ann")} == {"known"}
        waiting -= len(tasks)
        assert ask(client, "/tasks")["waiting"] == waiting
    (shown,) = ask(client)["challenges"]
    assert (shown["waiting"], shown["evidence"]["shown"]) == (0, True)
    assert shown["evidence"]["verdicts"]["candidate"] > shown["evidence"]["verdicts"]["baseline"]
    assert shown["evidence"]["difference_low"] <= 0.05 <= shown["evidence"]["difference_high"]
    assert {review.reviewer for review in store.reviews(challenge.id).values()} == {"ann"}


def test_each_review_has_a_result(
    client: TestClient, log: Path, store: PromotionStore, challenge: Challenge, gold: dict[str, str]
) -> None:
    refresh_batches(store, log, challenge)
    tasks = ask(client, "/tasks", count=8)["tasks"]
    texts = [each["text"] for each in tasks]
    assert all(text.startswith("ticket ") for text in texts)
    right = gold[tasks[0]["sha256"]]
    results = send(
        client,
        challenge,
        [
            {"item": tasks[0]["item"], "gold_labels": [right], "comment": "sure"},
            {"item": "7-0", "right": "a"},
            {"item": tasks[1]["item"], "right": "a", "skip": True},
            {"item": tasks[2]["item"]},
            {"item": tasks[3]["item"], "gold_span": {}},
            {"item": tasks[4]["item"], "skip": True},
            {"item": tasks[4]["item"], "right": "neither"},
        ],
    )
    assert [each.get("status", each.get("error", {}).get("code")) for each in results] == [
        "stored", "invalid-review", "invalid-review", "invalid-review", "invalid-review", "stored", "stored",
    ]  # fmt: skip
    messages = [each["error"]["message"] for each in results[1:5]]
    assert "is not in this challenge" in messages[0]
    assert "more than one thing" in messages[1]
    assert "says nothing" in messages[2]
    assert "gold_span does not fit" in messages[3]
    stored = store.reviews(challenge.id)
    assert sorted((review.verdict, review.comment) for review in stored.values()) == [
        ("candidate" if stored[0, 0].verdict == "candidate" else "baseline", "sure"),
        ("neither", None),
    ]


def test_erased_texts_are_not_shown_any_more(
    client: TestClient, log: Path, store: PromotionStore, challenge: Challenge
) -> None:
    refresh_batches(store, log, challenge)
    first = ask(client, "/tasks", count=1)["tasks"][0]
    erase(log, text_hashes=[first["sha256"]])
    assert "text" not in ask(client, "/tasks", count=1)["tasks"][0]
    store.erase(text_hashes=[first["sha256"]])
    assert ask(client, "/tasks", count=1)["tasks"][0]["item"] != first["item"]
    (refused,) = send(client, challenge, [{"item": first["item"], "right": "a"}])
    assert "was erased" in refused["error"]["message"]


def test_what_is_missing_is_said(make_client: MakeClient, client: TestClient, store: PromotionStore) -> None:
    off = make_client()
    for method, path in (("GET", ""), ("GET", "/tasks"), ("POST", "/reviews"), ("POST", "/batches")):
        answer = off.request(method, f"{BASE}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "promotions-off")
    assert client.get("/v1/promotions/intents").json() == {"model": "intents", "challenges": []}
    body = {"challenge": "challenge_0", "reviews": [{"item": "0-0", "right": "a"}]}
    for model, code in (("intents", "unknown-challenge"), ("nobody", "unknown-model"), ("a%20b", "unknown-model")):
        assert client.get(f"/v1/promotions/{model}/tasks").json()["code"] == code
        answer = client.post(f"/v1/promotions/{model}/reviews", json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    unknown = client.post(f"{BASE}/reviews", json=body).json()
    assert (unknown["code"], unknown["expected"]) == ("unknown-challenge", store.challenges("tickets")[0].id)
    assert client.post(f"{BASE}/reviews", json={"reviews": []}).json()["code"] == "invalid-request"
    assert client.get(f"{BASE}/tasks", params={"count": 101}).json()["code"] == "invalid-request"


def test_a_closed_challenge_takes_no_reviews(client: TestClient, store: PromotionStore, challenge: Challenge) -> None:
    store.give_up(challenge.id)
    assert ask(client)["challenges"] == []
    body = {"challenge": challenge.id, "reviews": [{"item": "0-0", "right": "a"}]}
    for answer in (
        client.post(f"{BASE}/reviews", json=body),
        client.post(f"{BASE}/batches", json={"challenge": challenge.id}),
        client.get(f"{BASE}/tasks", params={"challenge": challenge.id}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "config-error")
        assert "closed" in answer.json()["detail"]


def test_the_key_says_who_reviews_and_reviewers_stay_blind(
    make_client: MakeClient, log: Path, tmp_path: Path, store: PromotionStore, challenge: Challenge
) -> None:
    refresh_batches(store, log, challenge)
    file = tmp_path / "keys.json"
    ann, bob, eve = (
        {"Authorization": f"Bearer {add_key(file, name, [scope], None)}"}
        for name, scope in (("ann", "admin"), ("bob", "label"), ("eve", "infer"))
    )
    client = make_client(prediction_log=log, prediction_log_texts=True, free_disk_bytes=0, key_file=file)
    body = {"challenge": challenge.id, "reviews": [{"item": "0-0", "right": "a"}]}
    assert [client.get(BASE, headers=key).status_code for key in (ann, bob, eve)] == [200, 403, 403]
    assert [client.post(f"{BASE}/batches", json={}, headers=key).status_code for key in (ann, bob)] == [200, 403]
    assert [client.get(f"{BASE}/tasks", headers=key).status_code for key in (bob, eve)] == [200, 403]
    assert client.post(f"{BASE}/reviews", json=body, headers=eve).status_code == 403
    assert client.post(f"{BASE}/reviews", json=body | {"reviewer": "ann"}, headers=bob).status_code == 422
    assert client.post(f"{BASE}/reviews", json=body, headers=bob).status_code == 200
    assert store.reviews(challenge.id)[0, 0].reviewer == "bob"


def test_a_server_reads_and_writes_a_shared_database(
    make_client: MakeClient, log: Path, gold: dict[str, str], database_url: str | None
) -> None:
    shared = PromotionStore(open_review_database(log, database_url))
    begun = open_challenge(shared, "tickets", "promote", candidate=CHALLENGER, baseline=CHAMPION)
    refresh_batches(shared, log, begun)
    client = make_client(prediction_log=log, prediction_log_texts=True, free_disk_bytes=0, review_database=database_url)
    tasks = ask(client, "/tasks", count=5)["tasks"]
    assert {each["status"] for each in send(client, begun, [say(each, gold) for each in tasks])} == {"stored"}
    assert len(shared.reviews(begun.id)) == 5
    shared.close()


def test_labels_that_neither_version_has_are_refused(make_client: MakeClient, log: Path, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    names = [LABELS, (*LABELS, "parking")]
    bundles = [
        vote_bundle(tmp_path / str(n) / "tickets", "single_label_classification", labels=each)
        for n, each in enumerate(names)
    ]
    champion = registry.add(bundles[0]).digest
    challenger = registry.add(bundles[1], alias="challenger").digest
    write_two_versions(log, 100, champion=champion, challenger=challenger)
    store = PromotionStore(open_review_database(log))
    begun = open_challenge(store, "tickets", "promote", candidate=challenger, baseline=champion)
    refresh_batches(store, log, begun)
    catalog = RegistryCatalog(registry, load=lambda folder: load(folder, threads=1))
    client = make_client(catalog, prediction_log=log, prediction_log_texts=True, free_disk_bytes=0)
    reviews = [{"item": "0-0", "gold_labels": ["parking"]}, {"item": "0-1", "gold_labels": ["refnud"]}]
    stored, refused = send(client, begun, reviews)
    assert stored == {"item": "0-0", "status": "stored"}
    assert refused["error"]["message"] == "unknown label refnud; known: billing, delivery, login, parking, refund"
    assert [each["status"] for each in send(client, begun, reviews, new_labels=True)] == ["known", "stored"]
    store.close()

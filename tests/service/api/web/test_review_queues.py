"""The review queues as JSON: logged answers, adjudication, comparisons of versions, and files."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from review_periods import TICKET_LABELS, make_period, ticket
from starlette.testclient import TestClient
from two_versions import CHALLENGER, CHAMPION, write_two_versions
from vote_bundle import vector_bundle

from glossator.service.api.security.key_changes import add_key
from glossator.service.inference.model import Model, load
from glossator.service.monitoring.prediction_log.erasures import erase
from glossator.service.monitoring.prediction_log.records import hash_text
from glossator.service.promotion.challenges import open_challenge, refresh_batches
from glossator.service.promotion.store import PromotionStore
from glossator.service.reviews.store import open_review_database, open_review_store

MakeClient = Callable[..., TestClient]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


@pytest.fixture
def client(make_client: MakeClient, log: Path) -> TestClient:
    """A client of a server with a period of 60 tickets and 30 draws, half of which want two reviewers."""
    store = open_review_store(log)
    period = make_period(store, log, [ticket(n, sha256=hash_text(f"text {n}")) for n in range(60)], draws=30)
    store.set_overlap(period.id, 0.5)
    store.close()
    return make_client(prediction_log=log, prediction_log_texts=True, free_disk_bytes=0)


def base(queue: str) -> str:
    return f"/ui/review/{queue.replace(':', '%3A')}"


def items(client: TestClient, queue: str, reviewer: str = "ann", **query: Any) -> dict[str, Any]:
    answer = client.get(f"{base(queue)}/items.json", params={"reviewer": reviewer, **query})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def send(client: TestClient, queue: str, *reviews: dict[str, Any], reviewer: str = "ann") -> dict[str, Any]:
    content = json.dumps({"reviewer": reviewer, "reviews": reviews})  # ASCII: some texts are no valid UTF-8
    headers = {"Content-Type": "application/json"}
    answer = client.post(f"{base(queue)}/reviews.json", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def undo(client: TestClient, queue: str, item: str, reviewer: str = "ann") -> dict[str, Any]:
    answer = client.post(f"{base(queue)}/undo.json", json={"reviewer": reviewer, "id": item})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def listed(client: TestClient, **query: Any) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in client.get("/ui/review/queues.json", params=query).json()["queues"]}


def upload(client: TestClient, content: str, name: str = "mail.csv", **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/review-files", files={"file": (name, content.encode())}, data=fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_logged_answers_are_given_reviewed_and_withdrawn(client: TestClient) -> None:
    queue = "period:tickets"
    found = items(client, queue, count=4)
    assert (found["queue"], found["kind"], found["labels"]) == (queue, "single_label", list(TICKET_LABELS))
    assert (found["allow_new_labels"], found["progress"]["done"]) == (False, 0)
    first, second, third, fourth = found["items"]
    number = int(first["id"].rpartition("/")[2])
    assert (first["text"], first["second"], first["options"], first["opinions"]) == (f"text {number}", None, None, None)
    assert first["suggestion"] == {"labels": [{"label": TICKET_LABELS[number % 3], "score": 0.8}]}
    assert items(client, queue, count=4)["items"] == found["items"]
    assert items(client, queue, count=1, blind=1)["items"][0]["suggestion"] is None
    wrong = next(label for label in TICKET_LABELS if label != second["suggestion"]["labels"][0]["label"])
    reviews = [
        {"id": first["id"], "verdict": {"labels": [TICKET_LABELS[number % 3]]}, "seconds": 2, "blind": False},
        {"id": second["id"], "verdict": {"labels": [wrong]}, "note": "hm"},
        {"id": third["id"], "verdict": {"skip": "unclear"}, "note": "two topics"},
        {"id": fourth["id"], "verdict": {"labels": ["refnd"]}},
        {"id": "period_0/1", "verdict": {"correct": True}},
        {"id": "nonsense", "verdict": {"correct": True}},
        {"id": fourth["id"], "verdict": {}},
    ]
    sent = send(client, queue, *reviews)
    assert [each["status"] for each in sent["results"]] == ["stored"] * 3 + ["error"] * 4
    assert "unknown label refnd" in sent["results"][3]["message"]
    assert (sent["progress"]["done"], sent["progress"]["skipped"], sent["progress"]["mine"]) == (3, 1, 3)
    assert [each["status"] for each in send(client, queue, *reviews[:3])["results"]] == ["known"] * 3
    assert sent["progress"]["reviewers"] == [{"name": "ann", "done": 3}]
    assert not {each["id"] for each in items(client, queue, count=50)["items"]} & {each["id"] for each in reviews[:3]}
    back = undo(client, queue, second["id"])
    assert (back["undone"], back["item"], back["progress"]["done"]) == (True, second, 2)
    assert undo(client, queue, second["id"])["undone"] is False
    status = client.get("/v1/reviews/tickets/status").json()
    assert (status["reviewed"], status["accuracy"]["reviewed"] >= 1) == (2, True)
    missing = client.post(f"{base(queue)}/undo.json", json={"id": "nonsense"})
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown-item")


def test_progress_says_what_the_next_labels_buy(client: TestClient) -> None:
    queue = "period:tickets"
    assert items(client, queue)["progress"]["sentence"] == "no reviews yet: the accuracy is not known"
    found = items(client, queue, count=100)["items"]
    progress = send(client, queue, *({"id": each["id"], "verdict": {"correct": True}} for each in found))["progress"]
    interval = progress["interval"]
    assert 0.0 <= interval["low"] < interval["high"] <= 1.0
    assert interval["half_width_points"] > 2
    assert progress["sentence"].startswith(f"interval now ±{interval['half_width_points']:.1f} points")
    assert "after 30 labels" not in progress["sentence"] or progress["done"] < 30
    listing = listed(client, reviewer="ann")[queue]
    assert (listing["mine"], listing["model"], listing["agreement"]) == (len(found), "tickets", None)
    assert listing["about"] == "60 answers, 2 Jan 2026 to 1 Feb 2026"


def test_an_admin_decides_where_reviewers_differ(client: TestClient) -> None:
    queue = "period:tickets"
    mine = {each["id"]: each for each in items(client, queue, count=100)["items"]}
    send(client, queue, *({"id": each, "verdict": {"correct": True}} for each in mine))
    twice = items(client, queue, "bob", count=100)["items"]
    assert 0 < len(twice) < len(mine)
    send(client, queue, *({"id": each["id"], "verdict": {"correct": True}} for each in twice[1:]), reviewer="bob")
    send(client, queue, {"id": twice[0]["id"], "verdict": {"correct": False}, "note": "no"}, reviewer="bob")
    listing = listed(client)
    assert listing[queue]["can_adjudicate"] is True
    assert listing["differing:tickets"]["total"] == 1
    assert listing[queue]["agreement"]["words"] in ("good", "fair", "poor", "none")
    (item,) = items(client, "differing:tickets", "chief")["items"]
    assert item["opinions"] == [
        {"reviewer": "ann", "verdict": {"correct": True}, "note": None},
        {"reviewer": "bob", "verdict": {"correct": False}, "note": "no"},
    ]
    sent = send(client, "differing:tickets", {"id": item["id"], "verdict": {"labels": ["login"]}}, reviewer="chief")
    assert (sent["results"][0]["status"], sent["progress"]["done"], sent["progress"]["total"]) == ("stored", 1, 1)
    assert items(client, "differing:tickets", "chief")["items"] == []
    assert undo(client, "differing:tickets", item["id"], "chief")["undone"] is True
    assert len(items(client, "differing:tickets", "chief")["items"]) == 1


def test_an_admin_decides_where_reviewers_of_a_file_differ(client: TestClient) -> None:
    made = upload(client, "text\none\ntwo\n", labels="a\nb", reviewers="2")
    queue, differing = f"file:{made['id']}", f"differing:file:{made['id']}"
    send(client, queue, {"id": "0", "verdict": {"labels": ["a"]}}, {"id": "1", "verdict": {"labels": ["a"]}})
    assert listed(client)[queue]["can_adjudicate"] is False
    said = [{"id": "0", "verdict": {"labels": ["b"]}, "note": "sure"}, {"id": "1", "verdict": {"labels": ["a"]}}]
    send(client, queue, *said, reviewer="bob")
    assert (listed(client)[queue]["can_adjudicate"], listed(client)[differing]["total"]) == (True, 1)
    found = items(client, differing, "chief")
    (item,) = found["items"]
    assert item["opinions"] == [
        {"reviewer": "ann", "verdict": {"labels": ["a"]}, "note": None},
        {"reviewer": "bob", "verdict": {"labels": ["b"]}, "note": "sure"},
    ]
    sent = send(client, differing, {"id": "0", "verdict": {"labels": ["a"]}}, reviewer="chief")
    assert (sent["results"][0]["status"], sent["progress"]["sentence"]) == (
        "stored",
        "reviewers agree on everything, or somebody has decided",
    )
    assert json.loads(client.get(made["export"]).text.splitlines()[0])["label"] == "a"
    assert undo(client, differing, "0", "chief")["undone"] is True
    assert len(items(client, differing, "chief")["items"]) == 1


def test_erased_texts_are_not_shown(client: TestClient, log: Path) -> None:
    (first,) = items(client, "period:tickets", count=1)["items"]
    erase(log, text_hashes=[hash_text(first["text"])])
    (again,) = items(client, "period:tickets", count=1)["items"]
    assert (again["id"], again["text"]) == (first["id"], "")
    assert "erased" in again["note_for_reviewer"]


ROWS = "id,body,lang\n1,where is my parcel,en\n2,,en\n3,i want my money back,en\n4,=cmd,en\n"


def test_a_file_is_labelled_with_suggestions_and_comes_back_whole(client: TestClient) -> None:
    made = upload(client, ROWS, model="intents", text_column="body")
    assert (made["rows"], made["usable"], made["kind"], made["text_column"]) == (4, 3, "single_label", "body")
    queue = f"file:{made['id']}"
    assert listed(client)[queue]["about"] == "4 rows, 1 without a text; suggestions of intents"
    found = items(client, queue)
    assert [each["id"] for each in found["items"]] == ["0", "2", "3"]
    assert found["export"] == made["export"]
    predicted = client.post("/v1/models/intents/predict", json={"text": "where is my parcel"}).json()["results"][0]
    suggestion = found["items"][0]["suggestion"]["labels"]
    assert suggestion[0]["label"] == predicted["labels"][0]
    assert suggestion[0]["score"] == pytest.approx(predicted["scores"][0]["score"], abs=1e-3)
    second = found["items"][1]["suggestion"]["labels"][0]["label"]
    other = next(label for label in found["labels"] if label not in (suggestion[0]["label"], second))
    sent = send(
        client,
        queue,
        {"id": "0", "verdict": {"labels": [suggestion[0]["label"]]}, "seconds": 1.5},
        {"id": "2", "verdict": {"labels": [other]}, "note": "sure"},
        {"id": "3", "verdict": {"labels": ["nonsense"]}},
        {"id": "1", "verdict": {"labels": [other]}},
        {"id": "99", "verdict": {"labels": [other]}},
        {"id": "3", "verdict": {"skip": "a\u0000b"}},
        {"id": "3", "verdict": {"skip": "unclear"}, "note": "\ud83d"},
        {"id": "3", "verdict": {"labels": "nonsense"}},
        {"id": "3", "verdict": {"labels": [1]}},
        {"id": "3", "verdict": {"correct": False}},
        {"id": "3", "verdict": {"option": "a"}},
    )
    assert [each["status"] for each in sent["results"]] == ["stored"] * 2 + ["error"] * 9
    assert sent["progress"]["sentence"] == ("67% of the file is done; 50% of the suggestions were accepted (9% to 91%)")
    lines = client.get(made["export"]).text.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [(row["body"], row["label"], row["review_status"]) for row in rows] == [
        ("where is my parcel", suggestion[0]["label"], "labelled"),
        ("", None, "unusable"),
        ("i want my money back", other, "labelled"),
        ("=cmd", None, "unreviewed"),
    ]
    assert (rows[2]["note"], rows[2]["reviewer"], rows[2]["id"]) == ("sure", "ann", "3")
    assert rows[1]["error"].startswith("empty-text")
    assert len(client.get(made["export"], params={"only_labelled": True}).text.splitlines()) == 2
    table = client.get(made["export"], params={"format": "csv"}).text.splitlines()
    assert table[0] == "body,id,lang,label,review_status,suggestion,reviewer,reviewers_differ,note,line,error"
    assert table[4].startswith("'=cmd,")  # no spreadsheet runs it
    assert undo(client, queue, "2")["item"]["suggestion"] is not None


def test_all_answers_of_a_model_are_suggested_as_the_file_needs_them(client: TestClient) -> None:
    made = upload(client, "text\nmy parcel is late\n", model="tags")
    (item,) = items(client, f"file:{made['id']}")["items"]
    assert set(item["suggestion"]) == {"labels", "others"}
    assert (
        send(client, f"file:{made['id']}", {"id": "0", "verdict": {"labels": []}})["results"][0]["status"] == "stored"
    )
    row = json.loads(client.get(made["export"]).text)
    assert (row["labels"], row["review_status"]) == ([], "labelled")
    entities = upload(client, "text\nin Rome 🙂 today\n", labels="PLACE\nDATE", kind="entities")
    assert entities["labels"] == ["PLACE", "DATE"]
    queue = f"file:{entities['id']}"
    sent = send(
        client,
        queue,
        {"id": "0", "verdict": {"entities": [{"start": 3, "end": 99, "label": "PLACE"}]}},
        {"id": "0", "verdict": {"entities": [{"start": 10, "end": 15, "label": "DATE"}]}},
    )
    assert [each["status"] for each in sent["results"]] == ["error", "stored"]
    assert "no span from 3 to 99" in sent["results"][0]["message"]
    assert json.loads(client.get(entities["export"]).text)["entities"] == [{"start": 10, "end": 15, "label": "DATE"}]


def test_two_reviewers_with_two_tabs_each_lose_nothing(client: TestClient) -> None:
    content = "text\n" + "".join(f"text number {n}\n" for n in range(24))
    made = upload(client, content, labels="a\nb", reviewers="2")
    queue = f"file:{made['id']}"
    stored: list[str] = []

    def tab(reviewer: str) -> None:
        while found := items(client, queue, reviewer, count=3)["items"]:
            reviews = [{"id": each["id"], "verdict": {"labels": ["a"]}} for each in found]
            for _ in range(2):  # sent again, as after a lost reply
                results = send(client, queue, *reviews, reviewer=reviewer)["results"]
                assert {each["status"] for each in results} <= {"stored", "known"}
                stored.extend(f"{reviewer} {each['id']}" for each in results if each["status"] == "stored")

    tabs = [threading.Thread(target=tab, args=(name,)) for name in ("ann", "ann", "bob", "bob")]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join(120)
    assert sorted(stored) == sorted(f"{name} {n}" for name in ("ann", "bob") for n in range(24))
    listing = listed(client)[queue]
    assert (listing["done"], listing["total"]) == (24, 24)


def test_the_form_of_the_page_makes_a_queue(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(reviews=tmp_path / "new" / "reviews", free_disk_bytes=0)
    form = {"title": "My mail", "suggestions": "none", "labels": "refund\r\ndelivery\r\n", "kind": "single_label"}
    answer = client.post(
        "/ui/review/files", files={"file": ("mail.csv", ROWS.encode())}, data=form | {"reviewers": "1"},
        follow_redirects=False,
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    queue = answer.headers["location"].removeprefix("/ui/review/").replace("%3A", ":")
    assert listed(client)[queue]["title"] == "My mail"
    assert items(client, queue)["labels"] == ["refund", "delivery"]
    refused = client.post("/ui/review/files", files={"file": ("mail.csv", ROWS.encode())}, data={"suggestions": "none"})
    assert (refused.status_code, refused.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert "There are no labels to choose from" in refused.text
    assert list((tmp_path / "new" / "reviews" / "uploads" / "incoming").iterdir()) == []
    assert list((tmp_path / "new" / "reviews" / "uploads" / "jobs").iterdir()) == []


def test_keys_say_who_reviews_and_what_they_may(make_client: MakeClient, log: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = {
        name: {"Authorization": f"Bearer {add_key(path, name, scopes, None)}"}
        for name, scopes in (("ann", ["label"]), ("bob", ["label"]), ("chief", ["label", "admin"]), ("app", ["infer"]))
    }
    client = make_client(prediction_log=log, free_disk_bytes=0, key_file=path)
    file = {"file": ("a.csv", b"text\nhello\n")}
    made = client.post("/v1/review-files", files=file, data={"labels": "x"}, headers=keys["ann"]).json()
    where = f"{base('file:' + made['id'])}/items.json"
    assert client.get(where).status_code == 401
    assert client.get(where, headers=keys["app"]).json()["code"] == "scope-missing"
    assert client.get(where, headers=keys["bob"], params={"reviewer": "ann"}).json()["code"] == "invalid-request"
    assert [each["id"] for each in client.get(where, headers=keys["bob"]).json()["items"]] == ["0"]
    assert client.get(where, headers=keys["ann"]).json()["items"] == []  # bob looks at it
    body = {"reviews": [{"id": "0", "verdict": {"labels": ["x"]}}]}
    sent = client.post(where.replace("items", "reviews"), json=body, headers=keys["bob"]).json()
    assert sent["progress"]["reviewers"] == [{"name": "bob", "done": 1}]
    differing = f"{base('differing:tickets')}/items.json"
    assert client.get(differing, headers=keys["bob"]).json()["code"] == "scope-missing"
    assert client.get(differing, headers=keys["chief"]).json()["code"] == "unknown-model"
    assert client.delete(f"/v1/review-files/{made['id']}", headers=keys["bob"]).json()["code"] == "scope-missing"
    assert client.delete(f"/v1/review-files/{made['id']}", headers=keys["chief"]).status_code == 204
    assert client.get(f"/v1/review-files/{made['id']}", headers=keys["ann"]).json()["code"] == "unknown-queue"


def test_what_is_missing_is_said(make_client: MakeClient, client: TestClient) -> None:
    off = make_client()
    assert off.get("/ui/review/queues.json").json() == {"queues": []}
    for path in (f"{base('period:intents')}/items.json", f"{base('file:queue_0')}/items.json", "/v1/review-files"):
        answer = off.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "reviews-off"), path
    assert off.get(f"{base('promotion:intents')}/items.json").json()["code"] == "promotions-off"
    for queue, code in (
        ("period:intents", "unknown-period"),
        ("period:nobody", "unknown-model"),
        ("promotion:intents", "unknown-challenge"),
        ("file:queue_0", "unknown-queue"),
        ("other:x", "unknown-queue"),
    ):
        answer = client.get(f"{base(queue)}/items.json")
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    where = f"{base('period:tickets')}/reviews.json"
    assert client.post(where, json={"reviews": []}).json()["code"] == "invalid-request"
    assert client.post(where, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert client.post(where, json={}, headers={"Origin": "http://evil.example"}).status_code == 403


@pytest.mark.parametrize(("content", "fields", "code"), [
    ("text\nhello\n", {}, "config-error"),
    ("text\nhello\n", {"model": "nobody"}, "unknown-model"),
    ("a,b\n1,2\n", {"labels": "x"}, "unknown-column"),
    ("text\n\n", {"labels": "x"}, "config-error"),
    ("text\nhello\n", {"labels": "x", "kind": "songs"}, "invalid-request"),
    ("text\nhello\n", {"labels": "x", "reviewers": "9"}, "invalid-request"),
])  # fmt: skip
def test_files_that_cannot_be_labelled_are_refused(
    client: TestClient, content: str, fields: dict[str, str], code: str
) -> None:
    answer = client.post("/v1/review-files", files={"file": ("a.csv", content.encode())}, data=fields)
    assert answer.json()["code"] == code
    assert client.get("/v1/review-files").json() == {"files": []}


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_servers_share_the_queue_of_a_file_in_postgresql(
    make_client: MakeClient, tmp_path: Path, database_url: str
) -> None:
    one, two = (
        make_client(reviews=tmp_path / name, free_disk_bytes=0, review_database=database_url) for name in ("a", "b")
    )
    queue = f"file:{upload(one, ROWS, labels='x', text_column='body')['id']}"
    assert [each["id"] for each in items(one, queue, "ann", count=1)["items"]] == ["0"]
    assert [each["id"] for each in items(two, queue, "bob", count=1)["items"]] == ["2"]
    send(one, queue, {"id": "0", "verdict": {"labels": ["x"]}})
    assert listed(two)[queue]["done"] == 1


def test_disagreements_of_two_versions_are_blind_and_withdrawn(
    make_client: MakeClient, served_models: dict[str, Model], log: Path
) -> None:
    write_two_versions(log, 400, better=0.06, worse=0.01, both_wrong=0.0)
    store = PromotionStore(open_review_database(log))
    challenge = open_challenge(store, "tickets", "promote", candidate=CHALLENGER, baseline=CHAMPION)
    refresh_batches(store, log, challenge)
    client = make_client(
        {"tickets": served_models["intents"]}, prediction_log=log, prediction_log_texts=True, free_disk_bytes=0
    )
    queue = "promotion:tickets"
    found = items(client, queue, count=4)
    assert (found["kind"], found["allow_blind"], found["labels"]) == ("preference", False, [])
    assert CHALLENGER not in json.dumps(found)
    first, second, third, fourth = found["items"]
    assert [each["key"] for each in first["options"]] == ["a", "b"]
    assert first["options"][0]["labels"] != first["options"][1]["labels"]
    assert items(client, queue, count=4)["items"] == found["items"]
    others = items(client, queue, "bob", count=4)["items"]
    assert not {each["id"] for each in others} & {each["id"] for each in found["items"]}
    reviews = [
        {"id": first["id"], "verdict": {"option": "a"}},
        {"id": second["id"], "verdict": {"labels": first["options"][0]["labels"]}, "note": "hm"},
        {"id": third["id"], "verdict": {"skip": "unclear"}},
        {"id": fourth["id"], "verdict": {"option": "c"}},
        {"id": "challenge_0/0-0", "verdict": {"option": "a"}},
    ]
    sent = send(client, queue, *reviews)
    assert [each["status"] for each in sent["results"]] == ["stored"] * 3 + ["error"] * 2
    assert (sent["progress"]["done"], sent["progress"]["skipped"], sent["progress"]["mine"]) == (3, 1, 3)
    assert [each["status"] for each in send(client, queue, *reviews[:3])["results"]] == ["known"] * 3
    assert undo(client, queue, first["id"], "bob")["undone"] is False  # it is ann's
    back = undo(client, queue, first["id"])
    assert (back["undone"], back["item"], back["progress"]["done"]) == (True, first, 2)
    assert undo(client, queue, first["id"])["undone"] is False
    assert items(client, queue, count=1)["items"] == [first]
    assert send(client, queue, reviews[0])["results"][0]["status"] == "stored"
    assert listed(client)[queue]["done"] == 3
    assert "left" in listed(client)[queue]["sentence"]
    assert len(store.reviews(challenge.id)) == 3
    store.close()


def test_models_of_all_tasks_suggest(
    make_client: MakeClient, log: Path, tmp_path: Path, task_bundle: Callable[[str], Path]
) -> None:
    kinds = ("token-classification", "question-answering", "text-pair-score")
    models = {kind: load(task_bundle(kind), threads=1) for kind in kinds}
    models["vectors"] = load(vector_bundle(tmp_path / "vectors"), threads=1)
    client = make_client(models, prediction_log=log, free_disk_bytes=0)
    words = upload(client, "text\nthe parcel came on monday\n", model="token-classification")
    assert "entities" in items(client, f"file:{words['id']}")["items"][0]["suggestion"]
    pairs = json.dumps({"question": "where is it", "context": "it is in rome"})
    questions = upload(client, pairs + "\n", "q.jsonl", model="question-answering")
    (item,) = items(client, f"file:{questions['id']}")["items"]
    assert (item["text"], item["second"], "span" in item["suggestion"]) == ("it is in rome", "where is it", True)
    answer = {"id": "0", "verdict": {"span": {"start": 9, "end": 13}}}
    assert send(client, f"file:{questions['id']}", answer)["results"][0]["status"] == "stored"
    assert json.loads(client.get(questions["export"]).text)["answers"] == {"text": ["rome"], "answer_start": [9]}
    scored = upload(client, "sentence1,sentence2\nhello,there you\n", model="text-pair-score")
    assert isinstance(items(client, f"file:{scored['id']}")["items"][0]["suggestion"]["score"], float)
    unseen = upload(client, "text\nwhere is my parcel\n", model="vectors", labels="delivery\nrefund")
    assert (unseen["zero_shot"], unseen["labels"]) == (True, ["delivery", "refund"])
    (item,) = items(client, f"file:{unseen['id']}")["items"]
    assert {each["label"] for each in item["suggestion"]["labels"]} == {"delivery", "refund"}
    refused = client.post("/v1/review-files", files={"file": ("a.csv", b"text\na\n")}, data={"model": "vectors"})
    assert refused.json()["code"] == "config-error"

"""The prediction log of a server: each answer once, whatever the dialect, and never in the way of an answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from glossator.service.monitoring.prediction_log.reader import LogReader

MakeClient = Callable[..., TestClient]
TEXT = "money the parcel"
LABELS = ("refund", "delivery", "praise", "greeting", "complaint", "other")
CHOICES = '<Choices name="c" toName="t">' + "".join(f'<Choice value="{each}"/>' for each in LABELS) + "</Choices>"
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "native": ("/v1/models/intents/predict", {"text": TEXT}),
    "hugging-face": ("/hf/intents", {"inputs": TEXT}),
    "text-embeddings-inference": ("/tei/intents/predict", {"inputs": TEXT}),
    "open-inference": (
        "/v2/models/intents/infer",
        {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [TEXT]}]},
    ),
    "kserve v1": ("/v1/models/intents:predict", {"instances": [TEXT]}),
    "cohere": ("/cohere/v1/classify", {"model": "intents", "inputs": [TEXT]}),
    "label-studio": (
        "/label-studio/intents/predict",
        {
            "tasks": [{"id": 1, "data": {"text": TEXT}}],
            "label_config": f'<View><Text name="t" value="$text"/>{CHOICES}</View>',
        },
    ),
}


def logged(folder: Path) -> list[dict[str, Any]]:
    return list(LogReader(folder))


@pytest.fixture
def client(make_client: MakeClient, tmp_path: Path) -> TestClient:
    return make_client(prediction_log=tmp_path / "log", prediction_log_texts=True, free_disk_bytes=0)


def test_every_dialect_and_the_page_log_an_answer_once(make_client: MakeClient, tmp_path: Path) -> None:
    for number, (dialect, (path, body)) in enumerate(BODIES.items()):
        client = make_client(prediction_log=tmp_path / str(number), prediction_log_texts=True, free_disk_bytes=0)
        answer = client.post(path, json=body, headers={"X-Request-Id": "mine"})
        assert answer.status_code == 200, (dialect, answer.text)
        client.__exit__(None, None, None)
        (record,) = logged(tmp_path / str(number))
        assert (record["request"], record["model"], record["text"], record["key"]) == ("mine", "intents", TEXT, "local")
        assert record["route"].replace("{name}", "intents") == path
    client = make_client(prediction_log=tmp_path / "page", prediction_log_texts=True, free_disk_bytes=0)
    client.post("/ui/answer", data={"model": "intents", "text": TEXT})
    client.__exit__(None, None, None)
    assert [(record["route"], record["text"]) for record in logged(tmp_path / "page")] == [("/ui/answer", TEXT)]


def test_a_server_without_the_setting_logs_nothing(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client()
    client.post("/v1/models/intents/predict", json={"text": TEXT})
    assert "glossator_log" not in client.get("/metrics").text
    assert not list(tmp_path.iterdir())


def test_texts_without_an_answer_are_not_logged(client: TestClient, tmp_path: Path) -> None:
    client.post("/v1/models/intents/predict", json={"texts": [TEXT, "", "money"]})
    client.__exit__(None, None, None)
    assert [(record["place"], record["text"]) for record in logged(tmp_path / "log")] == [(0, TEXT), (2, "money")]


def test_sentences_are_logged_one_by_one(client: TestClient, tmp_path: Path) -> None:
    client.post("/v1/models/intents/predict", json={"text": "Where is it? Money back.", "unit": "sentence"})
    client.__exit__(None, None, None)
    assert [record["text"] for record in logged(tmp_path / "log")] == ["Where is it?", "Money back."]


def test_a_version_is_logged_as_it_was_asked_for(client: TestClient, tmp_path: Path) -> None:
    digest = client.get("/v1/models/intents").json()["version"]
    client.post(f"/v1/models/intents@{digest[:12]}/predict", json={"text": TEXT})
    client.__exit__(None, None, None)
    (record,) = logged(tmp_path / "log")
    assert (record["model"], record["version"], record["digest"]) == ("intents", digest[:12], digest)


def test_a_log_that_cannot_be_written_is_reported_and_answers_go_on(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(prediction_log=tmp_path / "log", free_disk_bytes=1 << 60)
    for _ in range(2):
        assert client.post("/v1/models/intents/predict", json={"text": TEXT}).status_code == 200
    until = time.monotonic() + 30.0
    while "problems" not in client.get("/readyz").json():
        assert time.monotonic() < until
        time.sleep(0.02)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert answer.json()["problems"][0].startswith("answers are not logged: the disk has only ")
    metrics = client.get("/metrics").text
    assert "glossator_log_failing 1.0" in metrics
    assert "glossator_log_records_total 0.0" in metrics

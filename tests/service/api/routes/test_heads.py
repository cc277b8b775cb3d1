"""Heads over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from glossator.service.api.app import create_app
from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.api.settings import Settings
from glossator.service.inference.model import Model, load
from glossator.service.registry import Registry

KINDS = ("single_label_classification", "multi_label_classification")
TEXTS = ["where is my parcel since monday", "cannot log in", " "]
URL = "/v1/models/text-embedding/heads/predict"


@pytest.fixture(scope="module")
def models(head_bundle: Callable[[str], Path], bundles: dict[str, Path]) -> dict[str, Model]:
    folders = [head_bundle(KINDS[0]).parent / "text-embedding", *map(head_bundle, KINDS), bundles["intents"]]
    loaded = [load(folder, threads=1, share=True) for folder in folders]
    return {model.name: model for model in loaded}


@pytest.fixture(scope="module")
def client(models: dict[str, Model]) -> Iterator[TestClient]:
    with TestClient(create_app(models, Settings(max_texts=20)), base_url="http://127.0.0.1:8000") as client:
        yield client


def test_a_head_is_asked_like_any_model(client: TestClient) -> None:
    body = client.post("/v1/models/topics-single/predict", json={"text": TEXTS[1]}).json()
    assert body["results"][0]["labels"] == ["login"]


def test_one_request_asks_all_heads_and_reads_the_texts_once(client: TestClient, models: dict[str, Model]) -> None:
    totals = models["text-embedding"].batcher.totals
    before = totals.windows
    body = client.post(URL, json={"texts": TEXTS}).json()
    assert totals.windows - before == 2
    assert body["version"] == models["text-embedding"].digest
    assert sorted(body["heads"]) == ["topics-multi", "topics-single"]
    for name, found in body["heads"].items():
        assert found["version"] == models[name].digest
        alone = client.post(f"/v1/models/{name}/predict", json={"texts": TEXTS}).json()
        assert found["results"] == alone["results"]
    assert set(body["heads"]["topics-multi"]["results"][0]["labels"]) == {"urgent", "delivery"}
    assert body["heads"]["topics-single"]["results"][2]["error"]["code"] == "empty-text"


def test_classifiers_and_entities_are_answered_in_one_request(entity_heads: Path) -> None:
    models = {name: load(entity_heads / name, threads=1, share=True) for name in ("encoder", "topics", "spans")}
    with TestClient(create_app(models, Settings()), base_url="http://127.0.0.1:8000") as client:
        totals = models["encoder"].batcher.totals
        before = totals.windows
        answered = client.post("/v1/models/encoder/heads/predict", json={"texts": TEXTS})
        assert answered.status_code == 200
        assert totals.windows - before == 2
        for name, found in answered.json()["heads"].items():
            alone = client.post(f"/v1/models/{name}/predict", json={"texts": TEXTS}).json()
            assert found["results"] == alone["results"]
        (day, item) = answered.json()["heads"]["spans"]["results"][0]["entities"][::-1]
        assert (item["label"], day["label"], TEXTS[0][day["start"] : day["end"]]) == ("ITEM", "DAY", "monday")
        only = client.post("/v1/models/encoder/heads/predict", json={"texts": TEXTS, "heads": ["spans"]}).json()
        assert only["heads"]["spans"]["results"] == answered.json()["heads"]["spans"]["results"]


def test_heads_have_their_own_counts_and_the_stages_of_their_backbone(client: TestClient) -> None:
    def counts(metric: str, label: str = "") -> dict[str, float]:
        lines = (line.split(" ") for line in client.get("/metrics").text.splitlines() if line.startswith(metric + "{"))
        return {line[0].split('model="')[1].split('"')[0]: float(line[-1]) for line in lines if label in line[0]}

    before = counts("glossator_stage_seconds_count", 'stage="run"'), counts("glossator_texts_total")
    client.post(URL, json={"texts": TEXTS})
    after = counts("glossator_stage_seconds_count", 'stage="run"'), counts("glossator_texts_total")
    stages, texts = (
        {name: count - old.get(name, 0) for name, count in new.items() if count != old.get(name, 0)}
        for old, new in zip(before, after, strict=True)
    )
    assert stages == {"text-embedding": 1}
    assert texts == {"topics-single": 3, "topics-multi": 3}


def test_one_request_asks_some_heads(client: TestClient) -> None:
    body = client.post(URL, json={"texts": TEXTS, "heads": ["topics-single"], "top_k": 1}).json()
    assert list(body["heads"]) == ["topics-single"]
    assert len(body["heads"]["topics-single"]["results"][0]["scores"]) == 1


def test_no_texts_are_answered_with_no_results(client: TestClient) -> None:
    body = client.post(URL, json={"texts": []}).json()
    assert [each["results"] for each in body["heads"].values()] == [[], []]


@pytest.mark.parametrize(
    ("url", "body", "status"),
    [
        (URL, {"texts": TEXTS, "heads": ["intents"]}, 422),
        (URL, {"texts": TEXTS, "heads": ["text-embedding"]}, 422),
        (URL, {"texts": TEXTS, "heads": []}, 422),
        (URL, {"texts": TEXTS, "heads": ["unknown"]}, 404),
        (URL, {"texts": TEXTS * 4}, 422),
        (URL, {"texts": "text"}, 422),
        ("/v1/models/intents/heads/predict", {"texts": TEXTS}, 422),
        ("/v1/models/unknown/heads/predict", {"texts": TEXTS}, 404),
    ],
)
def test_wrong_requests_are_refused(client: TestClient, url: str, body: dict[str, object], status: int) -> None:
    answer = client.post(url, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_the_list_of_models_names_the_backbone(client: TestClient, models: dict[str, Model]) -> None:
    listed = {each["name"]: each["backbone"] for each in client.get("/v1/models").json()["models"]}
    digest = models["text-embedding"].digest
    assert listed == {"text-embedding": None, "topics-single": digest, "topics-multi": digest, "intents": None}
    assert client.get("/v1/models/topics-single").json()["backbone"] == digest


def test_every_head_is_logged_with_the_request(client: TestClient, models: dict[str, Model], tmp_path: Path) -> None:
    settings = Settings(prediction_log=tmp_path)
    with TestClient(create_app(models, settings), base_url="http://127.0.0.1:8000") as logged:
        request = logged.post(URL, json={"texts": TEXTS[:2]}).headers["x-request-id"]
    lines = [json.loads(line) for file in sorted(tmp_path.rglob("*.jsonl")) for line in file.read_text().splitlines()]
    found = sorted((line["model"], line["place"]) for line in lines if line.get("request") == request)
    assert found == [(name, place) for name in ("topics-multi", "topics-single") for place in (0, 1)]


def test_heads_are_added_to_a_running_server_and_count_their_backbone_once(
    head_bundle: Callable[[str], Path], tmp_path: Path
) -> None:
    registry = Registry(tmp_path)
    encoder = registry.add(head_bundle(KINDS[0]).parent / "text-embedding")
    catalog = RegistryCatalog(registry, load=partial(load, threads=1, share=True))
    alone = catalog._loaded_bytes()
    with TestClient(create_app(catalog, Settings()), base_url="http://127.0.0.1:8000") as client:
        assert client.post(URL, json={"texts": TEXTS}).status_code == 422  # no head yet
        for kind in KINDS:
            registry.add(head_bundle(kind))
        catalog._refresh()
        assert len(client.post(URL, json={"texts": TEXTS}).json()["heads"]) == 2
        models = dict(catalog.loaded())
        assert models["topics-single"].backbone is models["topics-multi"].backbone is models[encoder.name]
        assert alone < catalog._loaded_bytes() < alone + 2_000

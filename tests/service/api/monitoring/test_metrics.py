from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from glossator.service.api.monitoring.metrics import Metrics
from glossator.service.inference.model import Model

PREDICT = "/v1/models/{name}/predict"


def samples(client: TestClient) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(item.name, *item.labels.values()): item.value for family in families for item in family.samples}


def test_metrics_count_requests_texts_tokens_and_errors(make_client: Callable[..., TestClient]) -> None:
    client = make_client()
    url = "/v1/models/intents/predict"
    client.post(url, json={"texts": ["money money", "the parcel", " "]})
    client.post(url, json={"text": " "})
    client.post(url, json={"text": 1})
    found = samples(client)
    assert found["glossator_texts_total", "intents"] == 4
    assert found["glossator_tokens_total", "intents"] == 4
    assert found["glossator_texts_total", "tags"] == 0
    assert found["glossator_errors_total", "empty-text"] == 2
    assert found["glossator_errors_total", "invalid-request"] == 1
    assert found["glossator_inference_seconds_count", "intents"] == 2
    assert 0 < found["glossator_inference_seconds_sum", "intents"] < 10
    assert found["glossator_request_seconds_count", "POST", PREDICT, "2xx"] == 1
    assert found["glossator_request_seconds_count", "POST", PREDICT, "4xx"] == 2


def test_metrics_name_the_build_and_the_models(
    make_client: Callable[..., TestClient], served_models: dict[str, Model]
) -> None:
    found = samples(make_client())
    assert [labels for labels in found if labels[0] == "glossator_build_info"]
    assert found["glossator_model_info", "tags", served_models["tags"].digest] == 1


def test_metrics_labels_do_not_depend_on_the_requests(make_client: Callable[..., TestClient]) -> None:
    client = make_client()

    def send_requests(number: int) -> None:
        client.get(f"/nothing/{number}")
        client.get(f"/v1/models/model-{number}")
        client.post(f"/v1/models/model-{number}/predict", json={"text": f"text {number}"})
        client.request(f"METHOD{number}", "/livez")
        client.get("/livez", headers={"Host": f"host-{number}.example"})

    send_requests(0)
    samples(client)
    before = set(samples(client))
    for number in range(1, 20):
        send_requests(number)
    assert set(samples(client)) == before
    assert ("glossator_request_seconds_count", "other", "/livez", "4xx") in before


def test_metrics_of_two_apps_are_separate(make_client: Callable[..., TestClient]) -> None:
    one, other = make_client(), make_client()
    one.post("/v1/models/intents/predict", json={"text": "money"})
    assert samples(one)["glossator_texts_total", "intents"] == 1
    assert samples(other)["glossator_texts_total", "intents"] == 0


def test_metrics_of_all_replicas_are_reported_together(tmp_path: Path, served_models: dict[str, Model]) -> None:
    replicas = [Metrics(served_models.items, "1") for _ in range(2)]
    for number, each in enumerate(replicas):
        each.share(tmp_path, number)
        each.error(f"error-{number}")
    try:
        for each in replicas:
            text = each.exposition().decode()
            assert 'glossator_errors_total{code="error-0",replica="0"} 1.0' in text
            assert 'glossator_errors_total{code="error-1",replica="1"} 1.0' in text
            assert 'te_request_count_total{replica="1"} 0.0' in each.tei_exposition("intents").decode()
    finally:
        for each in replicas:
            each.close()


def test_replicas_that_cannot_share_report_their_own_metrics(
    tmp_path: Path, served_models: dict[str, Model], caplog: pytest.LogCaptureFixture
) -> None:
    deep = tmp_path / ("a" * 120)  # too long for the path of a socket
    deep.mkdir()
    metrics = Metrics(served_models.items, "1")
    caplog.set_level(logging.WARNING)
    metrics.share(deep, 0)
    metrics.error("error-0")
    assert "each replica reports only its own metrics" in caplog.text
    assert 'glossator_errors_total{code="error-0"} 1.0' in metrics.exposition().decode()
    metrics.close()

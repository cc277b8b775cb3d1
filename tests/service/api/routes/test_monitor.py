"""`GET /v1/models/{name}/monitor`: counts, live accuracy and drift, for keys that may see all traffic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from glossator.service.api.monitoring.monitor_service import watched_version
from glossator.service.api.security.key_changes import add_key
from glossator.service.monitoring.prediction_log.reader import ModelStatistics

MakeClient = Callable[..., TestClient]
PATH = "/v1/models/intents/monitor"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


def serve(make_client: MakeClient, log: Path, **settings: Any) -> TestClient:
    return make_client(prediction_log=log, prediction_log_texts=True, free_disk_bytes=0, **settings)


def get(client: TestClient, **query: Any) -> dict[str, Any]:
    answer = client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def log_answers(make_client: MakeClient, log: Path, count: int) -> None:
    client = serve(make_client, log)
    texts = ["money", "the parcel", "log in"]
    for number in range(count):
        client.post("/v1/models/intents/predict", json={"texts": [f"{texts[number % 3]} {number}"]})
    client.__exit__(None, None, None)  # writes the log


def test_counts_accuracy_slices_and_history_are_returned(make_client: MakeClient, log: Path) -> None:
    log_answers(make_client, log, 24)
    client = serve(make_client, log)
    before = get(client)
    (version,) = before["versions"]
    assert (version["answers"], before["complete"], before["period"], before["history"]) == (24, True, None, [])
    assert 0.0 < version["mean_confidence"] <= 1.0
    opened = client.post("/v1/reviews/intents/periods", json={"until": "2126-01-01", "labels": 40})
    period = opened.json()["period"]
    items = client.get("/v1/reviews/intents/next", params={"count": 100}).json()["items"]
    reviews = [{"item": each["item"], "correct": each["item"] % 4 != 0} for each in items]
    assert client.post("/v1/reviews/intents", json={"period": period, "reviews": reviews}).status_code == 200
    found = get(client, slice=["route", "confidence"], history="true")
    measured = found["period"]
    assert (measured["period"], measured["answers"], measured["draws"], measured["waiting"]) == (period, 24, 40, 0)
    assert measured["accuracy"]["low"] <= 0.75 <= measured["accuracy"]["high"]
    assert measured["accuracy"]["reviewed"] == 40
    assert [each["slice"] for each in measured["slices"] if each["field"] == "route"] == ["/v1/models/{name}/predict"]
    assert [each["period"] for each in found["history"]] == [period]
    assert found["history"][0]["accuracy"] == measured["accuracy"]
    assert all({"summary", "drifted", "distance"} <= each.keys() for each in found["drift"])


def test_a_server_without_a_log_says_how_to_log(make_client: MakeClient) -> None:
    answer = make_client().get(PATH)
    assert (answer.status_code, answer.json()["code"]) == (404, "monitor-off")
    assert "--log FOLDER" in answer.json()["hint"]


def test_unknown_models_and_fields_are_refused(make_client: MakeClient, log: Path) -> None:
    client = serve(make_client, log)
    unknown = client.get("/v1/models/intent/monitor")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-model")
    assert get(client)["versions"] == []
    field = client.get(PATH, params={"slice": "colour"})
    assert (field.status_code, field.json()["code"]) == (422, "invalid-request")


def test_only_admins_see_the_traffic_of_all_keys(make_client: MakeClient, log: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = {scope: add_key(file, name, [scope], None) for name, scope in (("ann", "admin"), ("bob", "label"))}
    client = serve(make_client, log, key_file=file)
    codes = {
        scope: client.get(PATH, headers={"Authorization": f"Bearer {key}"}).status_code for scope, key in keys.items()
    }
    assert codes == {"admin": 200, "label": 403}


def test_the_drift_of_the_live_version_is_shown_while_a_canary_answers_too() -> None:
    versions = [ModelStatistics("intents", digest) for digest in ("old", "live", "canary")]
    assert watched_version(versions, "live") == "live"
    assert watched_version(versions, "new") == watched_version(versions, None) == "canary"
    assert watched_version([], "live") is None

"""`GET /v1/models/{name}/timeline`: answers over time, accuracy of periods, drift and events."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from glossator.service.api.security.key_changes import add_key

MakeClient = Callable[..., TestClient]
PATH = "/v1/models/intents/timeline"


def serve(make_client: MakeClient, log: Path, **settings: Any) -> TestClient:
    return make_client(prediction_log=log, prediction_log_texts=True, free_disk_bytes=0, **settings)


def get(client: TestClient, **query: Any) -> dict[str, Any]:
    answer = client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def write_answers(log: Path, digest: str, hours: range, day: int = 2) -> None:
    """Log answers to requests, one an hour."""
    log.mkdir(exist_ok=True)
    records = [
        {
            "time": f"2026-01-{day:02d}T{hour:02d}:00:30.000000Z", "request": f"r{hour}", "model": "intents",
            "version": None, "digest": digest, "route": "/v1/models/{name}/predict", "key": "local",
            "seconds": 0.01 * (hour + 1), "place": 0, "sha256": f"{hour:064x}", "labels": ["refund"],
            "confidence": 0.9, "tokens": 5, "windows": 1, "truncated": hour == 3, "tier": None,
            "summaries": {"tokens": 5.0},
        }
        for hour in hours
    ]  # fmt: skip
    path = log / f"2026-01-{day:02d}T000000.000000Z-1-{digest[:4]}.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in records))


def test_answers_times_labels_and_versions_are_returned_by_bucket(make_client: MakeClient, tmp_path: Path) -> None:
    write_answers(tmp_path / "log", "a" * 64, range(6))
    write_answers(tmp_path / "log", "b" * 64, range(6, 12))
    client = serve(make_client, tmp_path / "log")
    found = get(client, since="2026-01-02", until="2026-01-03")
    assert (found["since"], found["until"], found["bucket_seconds"]) == (
        "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", 900
    )  # fmt: skip
    assert len(found["buckets"]) == 96
    hourly = [each for each in found["buckets"] if each["answers"]]
    assert [each["time"][11:13] for each in hourly] == [f"{hour:02d}" for hour in range(12)]
    assert hourly[3] | {"p50_ms": 40, "p99_ms": 40} == {
        "time": "2026-01-02T03:00:00Z", "answers": 1, "requests": 1, "truncated": 1, "mean_confidence": 0.9,
        "p50_ms": 40, "p99_ms": 40, "labels": {"refund": 1}, "other_labels": 0, "summaries": {"tokens": 5.0},
    }  # fmt: skip
    assert hourly[3]["p50_ms"] == pytest.approx(40.0, rel=0.05)
    assert (found["total"]["answers"], found["total"]["truncated"], found["labels"]) == (12, 1, ["refund"])
    assert [each["answers"] for each in found["versions"]] == [6, 6]
    assert [(each["kind"], each["time"]) for each in found["events"]] == [("first-answer", "2026-01-02T06:00:30Z")]
    assert found["complete"] is True
    one = get(client, since="2026-01-02", until="2026-01-03", version="b" * 12)
    assert (one["total"]["answers"], len(one["versions"])) == (6, 2)
    assert get(client, range="all")["since"].startswith("2026-01")
    assert get(client, range="hour")["total"]["answers"] == 0


def test_answers_and_periods_of_a_running_server_are_shown(make_client: MakeClient, tmp_path: Path) -> None:
    client = serve(make_client, tmp_path / "log")
    for number in range(24):
        client.post("/v1/models/intents/predict", json={"texts": [f"money {number}", "the parcel"]})
    client.__exit__(None, None, None)  # writes the log
    client = serve(make_client, tmp_path / "log")
    assert client.post("/v1/reviews/intents/periods", json={"until": "2126-01-01", "labels": 10}).status_code < 300
    found = get(client, range="hour")
    assert (found["total"]["answers"], found["total"]["requests"]) == (48, 24)
    assert found["total"]["p50_ms"] > 0
    assert [each["answers"] for each in found["periods"]] == [48]
    assert found["live"] == found["versions"][0]["digest"]
    assert datetime.fromisoformat(found["until"]) >= datetime.now(UTC).replace(second=0, microsecond=0)


def test_wrong_times_unknown_models_and_servers_without_a_log_are_refused(
    make_client: MakeClient, tmp_path: Path
) -> None:
    client = serve(make_client, tmp_path / "log")
    monday = client.get(PATH, params={"since": "monday"})
    assert (monday.status_code, monday.json()["found"]) == (422, "monday")
    assert client.get(PATH, params={"since": "2026-02-02", "until": "2026-01-01"}).status_code == 422
    assert client.get(PATH, params={"range": "year"}).status_code == 422
    for odd in ("0001-01-01", "1969-12-31", "9999-12-31T23:59:59-14:00", "2999-12-31T23:59:59.999999"):
        assert client.get(PATH, params={"since": odd}).status_code in (200, 422), odd
        assert client.get(PATH, params={"until": odd}).status_code in (200, 422), odd
        assert client.get(PATH, params={"until": odd, "range": "all"}).status_code in (200, 422), odd
    assert client.get("/v1/models/nobody/timeline").status_code == 404
    assert make_client().get(PATH).json()["code"] == "monitor-off"


def test_only_admins_see_the_traffic_of_all_keys(make_client: MakeClient, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = {scope: add_key(file, name, [scope], None) for name, scope in (("ann", "admin"), ("bob", "label"))}
    client = serve(make_client, tmp_path / "log", key_file=file)
    codes = {
        scope: client.get(PATH, headers={"Authorization": f"Bearer {key}"}).status_code for scope, key in keys.items()
    }
    assert codes == {"admin": 200, "label": 403}

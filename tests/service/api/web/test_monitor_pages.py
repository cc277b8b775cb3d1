"""The pages of the monitor: what they say without answers, for whom they are, and that names are escaped."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from glossator.service.api.security.key_changes import add_key

MakeClient = Callable[..., TestClient]
VIEW = "/ui/monitor/intents/view"


def serve(make_client: MakeClient, log: Path, **settings: Any) -> TestClient:
    return make_client(prediction_log=log, free_disk_bytes=0, **settings)


def write(log: Path, **more: Any) -> None:
    now = datetime.now(UTC)
    record = {
        "time": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "request": "r", "model": "intents", "digest": "a" * 64,
        "route": "/v1/models/{name}/predict", "seconds": 0.02, "place": 0, "sha256": "0" * 64, "labels": ["refund"],
        "confidence": 0.9, "truncated": False,
    }  # fmt: skip
    log.mkdir(exist_ok=True)
    (log / f"{now:%Y-%m-%dT%H%M%S.%fZ}-1-a.jsonl").write_text(json.dumps(record | more) + "\n")


def test_without_answers_the_page_says_how_to_ask(make_client: MakeClient, tmp_path: Path) -> None:
    client = serve(make_client, tmp_path / "log")
    assert "No answers yet" in client.get(VIEW).text
    assert "no answers yet" in client.get("/ui/monitor/parts/overview").text
    assert 'hx-get="/ui/monitor/intents/view"' in client.get("/ui/monitor/intents").text


def test_without_reviews_and_reference_the_page_says_what_is_missing(make_client: MakeClient, tmp_path: Path) -> None:
    write(tmp_path / "log")
    answer = serve(make_client, tmp_path / "log").get(VIEW)
    assert "No answers have been drawn for review yet." in answer.text
    assert "glossator monitor intents --log FOLDER --labels 150" in answer.text
    assert "has no reference texts" in answer.text
    assert "1 answer." in answer.text


def test_names_of_labels_are_escaped(make_client: MakeClient, tmp_path: Path) -> None:
    write(tmp_path / "log", labels=["<img src=x onerror='alert(1)'>", '"></div><script>'])
    text = serve(make_client, tmp_path / "log").get(VIEW).text
    assert "<img" not in text
    assert "<script" not in text
    assert "&lt;img src=x" in text


def test_wrong_times_and_unknown_models_are_errors_in_the_page(make_client: MakeClient, tmp_path: Path) -> None:
    client = serve(make_client, tmp_path / "log")
    part = {"HX-Request": "true"}
    monday = client.get(VIEW, params={"since": "monday"}, headers=part)
    assert (monday.status_code, "since is not a time" in monday.text.lower()) == (422, True)
    assert client.get("/ui/monitor/intents", params={"since": "monday"}).status_code == 422
    for path in ("/ui/monitor/nobody", "/ui/monitor/nobody/view"):
        unknown = client.get(path)
        assert (unknown.status_code, "No model has this name" in unknown.text) == (404, True)


def test_a_model_that_is_not_served_any_more_is_shown(make_client: MakeClient, tmp_path: Path) -> None:
    write(tmp_path / "log", model="retired")
    client = serve(make_client, tmp_path / "log")
    assert client.get("/ui/monitor/retired").status_code == 200
    assert "1 answer." in client.get("/ui/monitor/retired/view").text


def test_only_admins_see_the_monitor_and_servers_without_a_log_have_none(
    make_client: MakeClient, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    keys = {scope: add_key(file, name, [scope], None) for name, scope in (("ann", "admin"), ("bob", "label"))}
    client = serve(make_client, tmp_path / "log", key_file=file)
    codes = {
        scope: [
            client.get(path, headers={"Authorization": f"Bearer {key}"}).status_code for path in ("/ui/monitor", VIEW)
        ]
        for scope, key in keys.items()
    }
    assert codes == {"admin": [200, 200], "label": [403, 403]}
    off = make_client()
    for path in ("/ui/monitor", "/ui/monitor/intents"):
        assert "glossator serve MODEL --log predictions" in off.get(path).text

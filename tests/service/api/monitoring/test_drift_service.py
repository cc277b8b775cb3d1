"""Alarms of drift: metrics, the log, the audit, the webhook, the monitor route."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.testclient import TestClient

from glossator.service.api.app import create_app
from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.api.monitoring.drift_service import DriftService, DriftWebhook
from glossator.service.api.settings import Settings
from glossator.service.errors import ConfigError
from glossator.service.inference.model import Model, load
from glossator.service.jobs.webhooks.message import secret_bytes, signature
from glossator.service.monitoring.prediction_log.records import Served
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.registry import Registry
from glossator.service.statistics.drift import DriftSettings
from tests.support.sampled_bundle import other_texts, sampled_bundle, usual_texts

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
DEADLINE = 30.0


class Posted(NamedTuple):
    headers: dict[str, str]
    body: bytes


class Receiver(HTTPServer):
    """Answers with these statuses, the last one again and again, and keeps what was posted."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses = list(statuses)
        self.posted: list[Posted] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/alarms"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append(Posted(dict(self.headers.items()), body))
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiver(*statuses: int) -> Iterator[Receiver]:
    found = Receiver(*statuses)
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield found
    finally:
        found.shutdown()
        thread.join()
        found.server_close()


def wait_until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sampled_bundle(tmp_path_factory.mktemp("drift") / "tickets")


@pytest.fixture(scope="module")
def model(bundle: Path) -> Model:
    return load(bundle, threads=1)


@contextmanager
def running(log_folder: Path, **options: Any) -> Iterator[tuple[PredictionLog, DriftService]]:
    """A log and what watches it, closed in the order of the app."""
    log = PredictionLog(LogSettings(folder=log_folder, free_bytes=0))
    service = DriftService(DriftSettings(), log, **options)
    log.start()
    service.start()
    try:
        yield log, service
    finally:
        log.close()
        service.close()


def add(log: PredictionLog, model: Model, texts: list[str]) -> None:
    answers = model.predict(texts)
    log.add(
        Served(
            time.time(),
            "request",
            "tickets",
            None,
            model.digest,
            "/",
            "local",
            0.1,
            texts,
            answers,
            bundle=model.bundle,
        )
    )


def messages(found: Receiver) -> dict[str, Any]:
    bodies = [json.loads(each.body) for each in found.posted]
    return {f"{each['type']} {each['data']['alarm']['summary']}": each for each in bodies}


def test_an_app_shows_drift_everywhere(bundle: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry(tmp_path / "registry")
    digest = registry.add(bundle, name="tickets").digest
    with receiver(204) as hook:
        settings = Settings(
            prediction_log=tmp_path / "log",
            free_disk_bytes=0,
            prediction_log_drift_webhook=hook.url,
            webhook_secret=SECRET,
            models=registry.root,
        )
        app = create_app(RegistryCatalog(registry, load=lambda folder: load(folder, threads=1)), settings)
        with TestClient(app, base_url="http://127.0.0.1:8000") as client:
            for texts in (usual_texts(200, seed=5), other_texts(400, seed=6)):
                assert client.post("/v1/models/tickets/predict", json={"texts": texts}).status_code == 200
            alarm = 'glossator_drift_alarm{model="tickets",summary="tokens"} 1.0'
            wait_until(lambda: alarm in client.get("/metrics").text)
            assert 'glossator_drift_distance{model="tickets",summary="tokens"}' in client.get("/metrics").text
            drift = {each["summary"]: each for each in client.get("/v1/models/tickets/monitor").json()["drift"]}
            assert drift["tokens"]["drifted"]
            assert drift["tokens"]["alarm"]["since_time"] <= drift["tokens"]["alarm"]["raised_time"]
            wait_until(lambda: "drift.began tokens" in messages(hook))
    message = messages(hook)["drift.began tokens"]
    assert message["data"]["digest"] == digest
    assert not [text for text in other_texts(400, seed=6) if text in json.dumps(message)]
    notes = {
        entry.evidence["alarm"]["summary"]: entry
        for entry in registry.entries()
        if entry.action == "note" and entry.evidence
    }
    assert notes["tokens"].why == message["data"]["message"]
    assert message["data"]["message"] in caplog.text
    assert registry.record("tickets").aliases == {"champion": digest}


def test_a_message_is_signed_and_sent_again_with_the_same_id(model: Model, tmp_path: Path) -> None:
    key = secret_bytes(SECRET)
    with (
        receiver(500, 204) as hook,
        running(tmp_path, webhook=DriftWebhook(hook.url, key), retry=lambda _: 0.05) as (log, _),
    ):
        add(log, model, other_texts(400, seed=6))
        wait_until(lambda: len(hook.posted) >= 3)
        first = hook.posted[0].headers["webhook-id"]
        wait_until(lambda: [each.headers["webhook-id"] for each in hook.posted].count(first) == 2)
    for headers, body in hook.posted:
        given = headers["webhook-id"], int(headers["webhook-timestamp"])
        assert headers["webhook-signature"] == signature(key, *given, body)


def test_messages_that_were_not_delivered_are_sent_after_the_next_start(model: Model, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    webhook = DriftWebhook(url, b"k" * 32)
    with running(tmp_path, webhook=webhook) as (log, service):
        add(log, model, other_texts(400, seed=6))
        wait_until(lambda: any(each.alarm for found in service.own_verdicts().values() for each in found))
    saved = json.loads((tmp_path / "drift" / "messages-0.json").read_text())["pending"]
    assert saved
    with receiver(204) as hook, running(tmp_path, webhook=DriftWebhook(hook.url, b"k" * 32)) as (_, service):
        wait_until(lambda: len(hook.posted) == len(saved))
        assert {each.headers["webhook-id"] for each in hook.posted} == {each["id"] for each in saved}
        wait_until(lambda: not json.loads((tmp_path / "drift" / "messages-0.json").read_text())["pending"])
        assert any(each.alarm for found in service.own_verdicts().values() for each in found)  # restored


def test_a_second_process_does_not_report_the_same_alarm(model: Model, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    registry.add(model.bundle.path, name="tickets")
    with running(tmp_path / "log", registry=registry) as (log, first):
        add(log, model, other_texts(400, seed=6))
        wait_until(lambda: len(list(registry.entries())) > 1)
        alarms = sum(each.alarm is not None for found in first.own_verdicts().values() for each in found)
        notes = 1 + alarms
        wait_until(lambda: len(list(registry.entries())) == notes)
        first.detector.save()
        with running(tmp_path / "log", registry=registry) as (second, service):
            add(second, model, other_texts(400, seed=7))
            wait_until(lambda: any(each.alarm for found in service.own_verdicts().values() for each in found))
        assert len(list(registry.entries())) == notes


def test_a_log_folder_that_cannot_hold_the_state(
    model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "drift").write_text("a file")
    with running(tmp_path) as (log, service):
        add(log, model, other_texts(400, seed=6))
        wait_until(lambda: any(each.alarm for found in service.own_verdicts().values() for each in found))
    assert "the state of drift is not saved" in caplog.text


def test_messages_are_sent_if_the_audit_cannot_be_written(model: Model, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    registry.add(model.bundle.path, name="tickets")
    registry.audit_file.unlink()
    registry.audit_file.mkdir()
    with receiver(204) as hook:
        webhook = DriftWebhook(hook.url, b"k" * 32)
        with running(tmp_path / "log", registry=registry, webhook=webhook) as (log, _):
            add(log, model, other_texts(400, seed=6))
            wait_until(lambda: hook.posted)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prediction_log_drift_webhook": "http://example.com/x", "webhook_secret": SECRET}, "https://HOST/PATH"),
        ({"prediction_log_drift_webhook": "https://example.com/x"}, "WEBHOOK_SECRET"),
        ({"prediction_log_drift_webhook": "https://example.com/x", "webhook_secret": SECRET}, "PREDICTION_LOG"),
        ({"prediction_log_drift_tolerance": 0.0}, "greater than 0"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        Settings(**settings)
    assert message in str(error.value)
    assert "example.com/x" not in str(error.value)  # a URL may hold a secret

"""What is promised of the prediction log, with servers in processes of their own."""

from __future__ import annotations

import csv
import io
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import HTTP, Server, server
from vote_bundle import vote_bundle

from glossator.service.monitoring.prediction_log.reader import LogReader

REQUESTS = 300


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vote_bundle(tmp_path_factory.mktemp("bundles") / "intents", "single_label_classification")


def settings(tmp_path: Path) -> dict[str, Any]:
    return {"prediction_log": tmp_path / "log", "prediction_log_texts": True, "free_disk_bytes": 0, "queue_seconds": 30}


def ask(running: Server, number: int) -> str | None:
    """Ask for one answer. Returns the id of the request if it was answered."""
    name = f"request-{number}"
    try:
        answer = HTTP.post(
            f"{running.url}/v1/models/intents/predict",
            json={"text": f"money {number}"},
            headers={"X-Request-Id": name},
            timeout=30,
        )
    except httpx.TransportError:
        return None
    return name if answer.status_code == 200 else None


def logged(tmp_path: Path) -> list[str]:
    reader = LogReader(tmp_path / "log")
    found = [record["request"] for record in reader]
    assert reader.damaged == 0
    return found


def test_sigterm_loses_no_answer(bundle: Path, tmp_path: Path) -> None:
    with server(bundle, **settings(tmp_path)) as running, ThreadPoolExecutor(8) as callers:
        answered = list(callers.map(lambda number: ask(running, number), range(REQUESTS)))
        running.process.terminate()
        assert running.process.wait(60) == 0
    assert sorted(logged(tmp_path)) == sorted(name for name in answered if name)
    assert None not in answered


def test_kill_loses_only_the_last_moment_and_the_next_server_goes_on(bundle: Path, tmp_path: Path) -> None:
    with server(bundle, **settings(tmp_path)) as running, ThreadPoolExecutor(8) as callers:
        before = [ask(running, number) for number in range(20)]
        until = time.monotonic() + 30.0
        while len(logged(tmp_path)) < len(before):  # written within a moment, without a new request
            assert time.monotonic() < until
            time.sleep(0.02)
        asked = callers.map(lambda number: ask(running, 100 + number), range(REQUESTS))
        while len(logged(tmp_path)) < len(before) + 20:
            assert time.monotonic() < until
        os.kill(running.process.pid, signal.SIGKILL)
        answered = {name for name in asked if name}
    (segment,) = (tmp_path / "log").glob("*.jsonl")
    found = logged(tmp_path)
    assert len(set(found)) == len(found)
    assert set(found) >= set(before)
    assert set(found) - set(before) <= {f"request-{100 + number}" for number in range(REQUESTS)}
    assert len(answered - set(found)) < len(answered)
    with segment.open("ab") as file:
        file.write(b'{"time":"2026-11-29T')  # what a kill in the middle of a write leaves
    with server(bundle, **settings(tmp_path)) as again:
        assert ask(again, 999)
    assert logged(tmp_path) == [*found, "request-999"]
    assert segment.read_bytes().endswith(b"}\n")


def test_the_rows_of_a_job_are_logged_by_its_worker(bundle: Path, tmp_path: Path) -> None:
    with server(bundle, **settings(tmp_path), jobs=tmp_path / "jobs") as running:
        rows = "n,text\n" + "".join(f"{n},money {n}\n" for n in range(2_000)) + "2000,\n"
        answer = HTTP.post(
            f"{running.url}/v1/jobs", data={"model": "intents"}, files={"file": ("rows.csv", rows)}, timeout=60
        )
        job = answer.json()["id"]
        until = time.monotonic() + 120.0
        while HTTP.get(f"{running.url}/v1/jobs/{job}").json()["state"] != "completed":
            assert time.monotonic() < until
            time.sleep(0.1)
        result = HTTP.get(f"{running.url}/v1/jobs/{job}/result").text
    records = list(LogReader(tmp_path / "log"))
    labels = {row["text"]: row["label"] for row in csv.DictReader(io.StringIO(result)) if row["text"]}
    assert {record["text"]: record["labels"][0] for record in records} == labels
    assert len(records) == 2_000
    assert {(record["request"], record["route"], record["key"]) for record in records} == {(job, "/v1/jobs", "local")}

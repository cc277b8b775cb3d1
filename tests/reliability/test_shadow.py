"""What is promised while a shadow answers, with servers in processes of their own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import Server, server
from vote_bundle import LABELS, vote_bundle

from glossator.service.monitoring.prediction_log.erasures import erase
from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader
from glossator.service.monitoring.prediction_log.segments import expire_segments
from glossator.service.registry import Registry

REQUESTS = 100


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("registry")
    registry = Registry(root / "registry")
    registry.add(vote_bundle(root / "1" / "intents", "single_label_classification"))
    registry.add(vote_bundle(root / "2" / "intents", "single_label_classification", labels=LABELS), alias="challenger")
    return registry.root


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield client


def settings(registry: Path, log: Path) -> dict[str, Any]:
    return {
        "models": registry, "prediction_log": log, "prediction_log_texts": True, "free_disk_bytes": 0,
        "queue_seconds": 30, "shadow": "intents=challenger:1",
    }  # fmt: skip


def ask(client: httpx.Client, running: Server, number: int) -> str | None:
    """Ask for one answer. Returns the id of the request if it was answered."""
    name, body = f"request-{number}", {"text": f"money {number}"}
    try:
        answer = client.post(f"{running.url}/v1/models/intents/predict", json=body, headers={"X-Request-Id": name})
    except httpx.TransportError:
        return None
    return name if answer.status_code == 200 else None


def read(log: Path, role: Any) -> list[dict[str, Any]]:
    reader = LogReader(log, LogFilter(role=role))
    found = list(reader)
    assert reader.damaged == 0
    return found


def wait_until(check: Callable[[], object]) -> None:
    end = time.monotonic() + 30.0
    while not check():
        assert time.monotonic() < end
        time.sleep(0.02)


def begin(client: httpx.Client, running: Server, log: Path) -> None:
    """Ask until the shadow has answered once."""
    numbers = iter(range(10_000, 20_000))
    wait_until(lambda: ask(client, running, next(numbers)) and log.is_dir() and read(log, "shadow"))


def check_shadows(log: Path) -> None:
    """Each answer of the shadow is one to a text that a caller had asked about, and is there once."""
    served = {(each["request"], each["place"]): each for each in read(log, "served")}
    shadows = read(log, "shadow")
    assert len({(each["request"], each["place"]) for each in shadows}) == len(shadows)
    for each in shadows:
        theirs = served[each["request"], each["place"]]
        assert (each["sha256"], each["text"], each["time"]) == (theirs["sha256"], theirs["text"], theirs["time"])
        assert each["digest"] != theirs["digest"]


def test_sigterm_loses_no_answer_and_none_of_the_shadow_that_was_counted(
    registry: Path, client: httpx.Client, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with server(**settings(registry, log)) as running:
        begin(client, running, log)
        with ThreadPoolExecutor(8) as callers:
            answered = list(callers.map(lambda number: ask(client, running, number), range(REQUESTS)))
        metrics = client.get(f"{running.url}/metrics").text
        counted = next(
            float(line.split()[-1])
            for line in metrics.splitlines()
            if line.startswith("glossator_shadow_answers_total")
        )
        running.process.terminate()
        assert running.process.wait(60) == 0
    assert None not in answered
    assert set(answered) <= {each["request"] for each in read(log, "served")}
    assert len(read(log, "shadow")) >= counted
    check_shadows(log)


def test_a_log_of_a_killed_server_is_read_erased_and_expired_for_both_roles(
    registry: Path, client: httpx.Client, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with server(**settings(registry, log)) as running:
        begin(client, running, log)
        before = len(read(log, None))
        with ThreadPoolExecutor(8) as callers:
            asked = callers.map(lambda number: ask(client, running, number), range(REQUESTS))
            wait_until(lambda: len(read(log, "shadow")) > 20)
            os.kill(running.process.pid, signal.SIGKILL)
            list(asked)
    assert len(read(log, None)) > before
    check_shadows(log)
    chosen = next(each for each in read(log, "shadow"))
    both = [each for each in read(log, None) if each["sha256"] == chosen["sha256"]]
    assert {each.get("role") for each in both} == {None, "shadow"}
    assert erase(log, text_hashes=[chosen["sha256"]]).records == len(both)
    by_request = read(log, "shadow")[0]["request"]
    assert erase(log, requests=[by_request]).records == 2
    assert not {chosen["sha256"], by_request} & {
        each[name] for each in read(log, None) for name in ("sha256", "request")
    }
    assert expire_segments(log, keep_days=1e-9, max_bytes=1 << 30) >= 1
    assert read(log, None) == []

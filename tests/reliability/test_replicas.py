"""R3 and R4: replicas that are drained and killed while they answer."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from servers import ROOT, environment
from votes import vote_bundle

CLIENTS = 4


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vote_bundle(tmp_path_factory.mktemp("replicas") / "intents", "single_label_classification")


@contextmanager
def replicas(bundle: Path, count: int = 2) -> Iterator[tuple[psutil.Process, str]]:
    """The parent of some replicas, and the URL at which they answer."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "serve", str(bundle), "--port", "0", "--replicas", str(count)],
        stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment({"queue_seconds": 30}),
    )  # fmt: skip
    assert process.stderr is not None
    try:
        told = process.stderr.readline()
        found = re.match(r"listening on (\S+), ", told)
        assert found is not None, told + process.stderr.read()
        yield psutil.Process(process.pid), found[1]
    finally:
        process.terminate()
        process.wait(60)
        process.stderr.close()


class Load:
    """Clients that ask again and again, each on a connection of its own that it keeps; they try nothing again."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v1/models/intents/predict"
        self._over = threading.Event()
        self.outcomes: Counter[str] = Counter()
        self.slowest = 0.0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._over.is_set():
            with httpx.Client(timeout=10) as client:
                for _ in range(50):
                    if self._over.is_set():
                        return
                    began = time.monotonic()
                    try:
                        answer = client.post(self._url, json={"text": "the parcel thanks " * 5})
                        outcome = str(answer.status_code)
                    except httpx.HTTPError as error:
                        outcome = type(error).__name__
                    with self._lock:
                        self.outcomes[outcome] += 1
                        self.slowest = max(self.slowest, time.monotonic() - began)
                    if outcome != "200":
                        break  # a connection that failed is not used again


def children(parent: psutil.Process) -> list[psutil.Process]:
    return [child for child in parent.children() if child.status() != psutil.STATUS_ZOMBIE]


def test_replica_that_is_killed_fails_only_its_own_requests(bundle: Path) -> None:
    with replicas(bundle) as (parent, url), Load(url) as load:
        kills = 3
        for _ in range(kills):
            time.sleep(1)
            before = children(parent)
            assert len(before) == 2
            os.kill(before[0].pid, signal.SIGKILL)
            killed = time.monotonic()
            while len({child.pid for child in children(parent)} - {before[0].pid}) < 2:
                assert time.monotonic() - killed < 5
                time.sleep(0.02)
    failed = sum(load.outcomes.values()) - load.outcomes["200"]
    assert load.outcomes["200"] > 500
    assert failed <= kills * CLIENTS, load.outcomes
    assert not {name for name in load.outcomes if name.startswith("5")}
    assert load.slowest < 5


def test_replica_that_is_drained_fails_nobody(bundle: Path) -> None:
    with replicas(bundle) as (parent, url):
        with Load(url) as load:
            for _ in range(4):
                time.sleep(1)
                before = children(parent)
                os.kill(before[0].pid, signal.SIGTERM)
                before[0].wait(30)
                while len(children(parent)) < 2:
                    time.sleep(0.02)
                time.sleep(1.5)  # until the new one answers too
        assert set(load.outcomes) == {"200"}, load.outcomes
        assert load.outcomes["200"] > 500


def test_parent_that_dies_takes_its_replicas_along(bundle: Path) -> None:
    with replicas(bundle) as (parent, _):
        orphans = children(parent)
        os.kill(parent.pid, signal.SIGKILL)
        gone, alive = psutil.wait_procs(orphans, timeout=20)
        assert (len(gone), alive) == (2, [])


def test_what_is_wrong_with_every_replica_ends_the_parent(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "cli", "serve", str(tmp_path / "nothing"), "--port", "0", "--replicas", "2"],
        capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "nothing" in ran.stderr
    assert "Traceback" not in ran.stderr

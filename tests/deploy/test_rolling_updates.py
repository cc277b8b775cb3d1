"""New versions of a model behind the load balancer of `deploy/`, while clients send requests: no request fails."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from asking_threads import AskingThreads
from nginx import balancer, free_port
from servers import HTTP, ROOT, environment, server
from vote_bundle import vote_bundle
from waiting import wait_until

from glossator.service.api.app import create_app
from glossator.service.api.settings import Settings
from glossator.service.bundle.reader import read_bundle
from glossator.service.inference.model import load
from glossator.service.registry import Registry

PREDICT = "/v1/models/intents/predict"
REQUESTS = {PREDICT: {"text": "money"}, "/tei/intents/predict": {"inputs": "money"}}


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two bundles of one name."""
    root = tmp_path_factory.mktemp("versions")
    return [vote_bundle(root / f"{size}" / "intents", "single_label_classification", ballast=size) for size in (1, 300)]


class Clients(AskingThreads):
    """Clients that send requests all the time, each on a connection that it keeps; they retry nothing."""

    def __init__(self, url: str) -> None:
        super().__init__([partial(self._send, path) for path in list(REQUESTS) * 2])
        self._url = url
        self.versions: list[tuple[float, str]] = []
        """When a prediction was requested, and the version that it names."""

    def versions_since(self, moment: float) -> set[str]:
        """The versions that answered the predictions requested after a moment."""
        with self.lock:
            return {version for began, version in self.versions if began > moment}

    def _send(self, path: str) -> None:
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self.over.is_set():
                began = time.monotonic()
                try:
                    answer = client.post(path, json=REQUESTS[path])
                    outcome = "200" if answer.status_code == 200 else f"{path}: {answer.status_code} {answer.text}"
                except httpx.HTTPError as error:
                    outcome = f"{path}: {error!r}"
                with self.lock:
                    self.outcomes[outcome] += 1
                    if path == PREDICT and outcome == "200":
                        self.versions.append((began, answer.json()["version"]))


@contextmanager
def serving(port: int, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """A ready `glossator serve` on a port, until the block ends or the caller stops it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "glossator", "serve", *map(str, arguments), "--port", str(port), "--threads", "1", "-q"],
        cwd=ROOT, env=environment({"queue_seconds": 30}),
    )  # fmt: skip
    try:
        wait_until(lambda: process.poll() is not None or is_ready(port))
        assert process.poll() is None, "the server did not start"
        yield process
    finally:
        process.terminate()
        process.wait(60)


def is_ready(port: int) -> bool:
    try:
        return HTTP.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def digest_of(bundle: Path) -> str:
    return read_bundle(bundle).digest


def test_servers_restarted_one_by_one_fail_no_request(versions: list[Path], tmp_path: Path) -> None:
    """The next server is stopped at once when the one before is ready: nginx still skips that one then."""
    old, new = map(digest_of, versions)
    ports = [free_port(), free_port()]
    with ExitStack() as servers:
        running = [servers.enter_context(serving(port, versions[0])) for port in ports]
        with balancer(tmp_path, [f"127.0.0.1:{port}" for port in ports]) as url, Clients(url) as clients:
            wait_until(lambda: len(clients.versions) > 100)
            for port, process in zip(ports, running, strict=True):
                process.terminate()
                assert process.wait(60) == 0
                stopped = time.monotonic()
                servers.enter_context(serving(port, versions[1]))
            wait_until(lambda: len(clients.versions_since(time.monotonic() - 0.5)) > 0)
    assert set(clients.outcomes) == {"200"}, clients.outcomes
    assert clients.versions_since(0) == {old, new}
    assert clients.versions_since(stopped) == {new}


def test_promotion_in_a_registry_of_several_servers_fails_no_request(versions: list[Path], tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    old = registry.add(versions[0], why="first").digest
    ports = [free_port(), free_port()]
    urls = [f"http://127.0.0.1:{port}" for port in ports]

    def answered_by_both(digest: str) -> bool:
        return all(HTTP.post(url + PREDICT, json=REQUESTS[PREDICT]).json()["version"] == digest for url in urls)

    with ExitStack() as servers:
        for port in ports:
            servers.enter_context(serving(port, "--models", registry.root))
        with balancer(tmp_path, [f"127.0.0.1:{port}" for port in ports]) as url, Clients(url) as clients:
            wait_until(lambda: len(clients.versions) > 100)
            new = registry.add(versions[1], alias="challenger", why="retrained").digest
            registry.alias("intents", "challenger", why="better")
            wait_until(lambda: answered_by_both(new))
            promoted = time.monotonic()
            wait_until(lambda: len(clients.versions_since(promoted)) > 0)
            registry.rollback("intents", why="worse")
            wait_until(lambda: answered_by_both(old))
            rolled_back = time.monotonic()
            wait_until(lambda: len(clients.versions_since(rolled_back)) > 0)
    assert set(clients.outcomes) == {"200"}, clients.outcomes
    assert clients.versions_since(0) == {old, new}
    assert clients.versions_since(rolled_back) == {old}


def test_version_that_is_still_loading_does_not_stop_other_requests(versions: list[Path], tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    registry.add(versions[0])
    registry.add(versions[1], alias="challenger")
    with (
        server(models=registry.root) as first,
        server(models=registry.root) as second,
        balancer(tmp_path, [each.url.removeprefix("http://") for each in (first, second)]) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        statuses = Counter[int]()
        while statuses[200] == 0:
            answer = client.post("/v1/models/intents@challenger/predict", json={"text": "money"})
            statuses[answer.status_code] += 1
            assert answer.status_code in (200, 503), answer.text
            assert client.post(PREDICT, json={"text": "money"}).status_code == 200
        assert statuses[503] > 1


def test_nginx_sends_only_predictions_again(versions: list[Path], tmp_path: Path) -> None:
    config = (ROOT / "deploy" / "nginx.conf").read_text()
    locations = re.findall(r"location ~ (\S+) {", config)
    assert len(locations) == 1
    settings = Settings(jobs=tmp_path / "jobs", prediction_log=tmp_path / "log")
    paths = create_app({"intents": load(versions[0], threads=1)}, settings).openapi()["paths"]
    posts = {path for path, operations in paths.items() if set(operations) - {"get"}}
    once = {path for path in posts if not re.search(locations[0], path)}
    first = {"/".join(path.split("/")[:3]) for path in once}
    assert first == {
        "/v1/jobs", "/v1/files", "/v1/batches", "/v1/feedback", "/v1/reviews", "/v1/review-files", "/v1/promotions",
        "/label-studio/{name}",
    }  # fmt: skip
    again = {path.rpartition("/")[2] for path in posts - once}
    assert again == {
        "predict", "{name}:predict", "zero-shot", "rerank", "infer", "index", "embed", "embed_all", "embed_sparse",
        "embeddings", "similarity", "tokenize", "decode", "classify", "{name}",
    }  # fmt: skip

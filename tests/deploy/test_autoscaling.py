"""The metric of the autoscaler: a server exports it, and it grows while requests wait. No Kubernetes is started."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from nginx import free_port, wait_until_it_listens
from prometheus_client.parser import text_string_to_metric_families
from servers import Server, server
from vote_bundle import vote_bundle
from waiting import wait_until

HELM = Path(__file__).resolve().parents[2] / "deploy" / "helm"
KEY = "a-key-of-the-administrator"
HEADERS = {"Authorization": f"Bearer {KEY}"}
CLIENTS = 16


def read_yaml(name: str) -> Any:
    return yaml.safe_load((HELM / name).read_text())


VALUES = read_yaml("glossator/values.yaml")["replicas"]
TARGET_SECONDS = int(VALUES["waitSeconds"].removesuffix("m")) / 1000
(RULE,) = read_yaml("prometheus-adapter-values.yaml")["rules"]["custom"]
(SCRAPE,) = yaml.safe_load(read_yaml("prometheus-values.yaml")["extraScrapeConfigs"])


def query(matchers: str) -> str:
    """The query that the adapter makes of its rule for pods with these labels."""
    replaced = {"LabelMatchers": matchers, "GroupBy": "pod"}
    text: str = re.sub(r"<<\.(\w+)>>", lambda match: replaced[match[1]], RULE["metricsQuery"])
    return text


@pytest.fixture(scope="module")
def slow_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vote_bundle(tmp_path_factory.mktemp("slow") / "intents", "single_label_classification", ballast=1500)


@contextmanager
def requests_in_parallel(running: Server) -> Iterator[None]:
    """More clients than the server can answer, each with one request at a time."""
    over = threading.Event()

    def send() -> None:
        with httpx.Client(base_url=running.url, timeout=60, headers=HEADERS) as client:
            while not over.is_set():
                answer = client.post("/v1/models/intents/predict", json={"text": "the parcel thanks " * 40})
                over.wait(float(answer.headers.get("Retry-After", 0)))

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(send) for _ in range(CLIENTS)]
        try:
            yield
        finally:
            over.set()
    for each in clients:
        each.result()


def exported(running: Server) -> dict[str, float]:
    """The sum of each series that the rule selects, by the metric's name, from `/metrics`."""
    exposition = httpx.get(f"{running.url}/metrics", headers=HEADERS).raise_for_status().text
    samples = [each for family in text_string_to_metric_families(exposition) for each in family.samples]
    sums = {}
    for name, matchers in set(re.findall(r"(\w+)\{([^}]*)\}", query('pod="a"'))):
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', matchers))
        del wanted["pod"]  # Prometheus adds it
        found = [each.value for each in samples if each.name == name and wanted.items() <= each.labels.items()]
        assert found, name
        sums[name] = sum(found)
    return sums


def mean_wait(before: dict[str, float], after: dict[str, float]) -> float:
    """What the query computes of the counters at two moments."""
    waited, answered, refused = (
        after[name] - before[name]
        for name in ("glossator_stage_seconds_sum", "glossator_stage_seconds_count", "glossator_refused_total")
    )
    return (waited + refused) / max(answered + refused, 1)


def test_chart_scales_by_the_metric_that_the_adapter_provides() -> None:
    assert VALUES["metric"] == RULE["name"]["as"]
    added = {each["target_label"] for each in SCRAPE["relabel_configs"] if "target_label" in each}
    assert added == RULE["resources"]["overrides"].keys()


def test_metrics_need_the_key_that_prometheus_sends(slow_bundle: Path) -> None:
    with server(slow_bundle, api_keys=KEY) as running:
        assert httpx.get(f"{running.url}/metrics").status_code == 401
        assert httpx.get(f"{running.url}/metrics", headers=HEADERS).status_code == 200
    assert SCRAPE["authorization"].keys() == {"credentials_file"}


def test_wait_grows_while_requests_wait(slow_bundle: Path) -> None:
    with server(slow_bundle, api_keys=KEY) as running:
        start = exported(running)
        for _ in range(20):
            httpx.post(f"{running.url}/v1/models/intents/predict", json={"text": "money"}, headers=HEADERS)
        quiet = exported(running)
        assert mean_wait(start, quiet) < TARGET_SECONDS / 2
        with requests_in_parallel(running):
            wait_until(lambda: mean_wait(quiet, exported(running)) > TARGET_SECONDS)


def test_prometheus_evaluates_the_query_of_the_adapter(slow_bundle: Path, tmp_path: Path) -> None:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed")
    (tmp_path / "key").write_text(KEY)
    with server(slow_bundle, api_keys=KEY) as busy, server(slow_bundle, api_keys=KEY) as idle:
        targets = [
            {"targets": [running.url.removeprefix("http://")], "labels": {"namespace": "default", "pod": pod}}
            for pod, running in (("busy", busy), ("idle", idle))
        ]
        scrape = {key: value for key, value in SCRAPE.items() if not re.match(r"kubernetes|relabel", key)} | {
            "scrape_interval": "1s",
            "authorization": {"credentials_file": str(tmp_path / "key")},
            "static_configs": targets,
        }
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [scrape]}))
        port = free_port()
        process = subprocess.Popen(
            [program, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
             f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_until_it_listens(port)

            def waits() -> dict[str, float]:
                matchers = 'namespace="default",pod=~"busy|idle"'
                found = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": query(matchers)}).json()
                return {each["metric"]["pod"]: float(each["value"][1]) for each in found["data"]["result"]}

            with requests_in_parallel(busy):
                wait_until(lambda: len(found := waits()) == 2 and found["busy"] > TARGET_SECONDS)
                assert waits()["idle"] == 0
        finally:
            process.terminate()
            process.wait(30)

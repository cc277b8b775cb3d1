"""R3 and R4: replicas that are drained and killed while they answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from replica_load import CLIENTS, Load, children, loop, replicas
from servers import HTTP, ROOT
from vote_bundle import vote_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vote_bundle(tmp_path_factory.mktemp("replicas") / "intents", "single_label_classification")


def test_replica_that_is_killed_fails_only_its_own_requests(bundle: Path) -> None:
    kills = 3
    made = loop(bundle, kills, signal.SIGKILL)
    outcomes = made.load.outcomes
    assert outcomes["200"] > 500
    assert made.failed <= kills * CLIENTS, outcomes
    assert not {name for name in outcomes if name.startswith("5")}
    assert made.load.slowest < 5


def test_replica_that_is_drained_fails_nobody(bundle: Path) -> None:
    outcomes = loop(bundle, 4, signal.SIGTERM).load.outcomes
    assert set(outcomes) == {"200"}, outcomes
    assert outcomes["200"] > 500


def test_idle_replicas_end_cleanly_with_their_parent(bundle: Path) -> None:
    with replicas(bundle) as (parent, url):
        assert HTTP.get(f"{url}/readyz").status_code == 200
        orphans = children(parent)
        assert len(orphans) == 2
        for kind in (signal.SIGHUP, signal.SIGTERM, signal.SIGTERM):
            os.kill(parent.pid, kind)
        assert parent.wait(40) == 0
        assert [child for child in orphans if child.is_running()] == []


def test_metrics_of_any_replica_are_those_of_all(bundle: Path) -> None:
    with replicas(bundle) as (_, url):
        with Load(url, "intents") as load:
            time.sleep(2)
        metrics = HTTP.get(f"{url}/metrics").text
        counted = {
            sample.labels["replica"]: sample.value
            for family in text_string_to_metric_families(metrics)
            for sample in family.samples
            if sample.name == "glossator_texts_total"
        }
        assert set(counted) == {"0", "1"}
        assert all(counted.values())
        assert sum(counted.values()) == load.outcomes["200"]


def test_parent_that_dies_takes_its_replicas_along(bundle: Path) -> None:
    with replicas(bundle) as (parent, _):
        orphans = children(parent)
        os.kill(parent.pid, signal.SIGKILL)
        gone, alive = psutil.wait_procs(orphans, timeout=20)
        assert (len(gone), alive) == (2, [])


def test_what_is_wrong_with_every_replica_ends_the_parent(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "glossator", "serve", str(tmp_path / "nothing"), "--port", "0", "--replicas", "2"],
        capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "nothing" in ran.stderr
    assert "Traceback" not in ran.stderr

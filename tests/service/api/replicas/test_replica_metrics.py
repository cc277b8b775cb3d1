from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from glossator.service.api.replicas.replica_metrics import ReplicaMetrics


@contextmanager
def replica(folder: Path, number: int, texts: int) -> Iterator[ReplicaMetrics]:
    registry = CollectorRegistry()
    Counter("texts", "Texts.", ("model",), registry=registry).labels("a").inc(texts)
    Gauge("wait", "Wait.", registry=registry).set(number)
    Histogram("seconds", "Seconds.", buckets=(1.0, 2.0), registry=registry).observe(1.5)
    metrics = ReplicaMetrics(folder, number, registry)
    try:
        yield metrics
    finally:
        metrics.close()


def samples(metrics: ReplicaMetrics) -> dict[tuple[str, ...], float]:
    """The samples that Prometheus reads, by name and label values."""
    text = generate_latest(metrics).decode()
    assert text.count("# TYPE texts_total counter") == 1
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_replica_reports_the_metrics_of_all(tmp_path: Path) -> None:
    with replica(tmp_path, 0, texts=3) as first, replica(tmp_path, 1, texts=5) as second:
        found = samples(first)
        assert found["texts_total", "a", "0"] == 3
        assert found["texts_total", "a", "1"] == 5
        assert found["wait", "1"] == 1
        assert found["seconds_bucket", "2.0", "0"] == found["seconds_count", "1"] == 1
        assert samples(second) == found


def test_dead_replica_is_left_out_until_it_is_replaced(tmp_path: Path) -> None:
    with replica(tmp_path, 0, texts=3) as first:
        with replica(tmp_path, 1, texts=5):
            pass
        assert ("texts_total", "a", "1") not in samples(first)
        (tmp_path / "1.metrics").touch()  # as a killed replica leaves it
        assert ("texts_total", "a", "1") not in samples(first)
        with replica(tmp_path, 1, texts=7):
            assert samples(first)["texts_total", "a", "1"] == 7


def test_replica_that_hangs_delays_the_others_only_briefly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glossator.service.api.replicas.replica_metrics.TIMEOUT_SECONDS", 0.1)
    with replica(tmp_path, 0, texts=3) as first, socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "1.metrics"))
        hung.listen()
        assert samples(first)["texts_total", "a", "0"] == 3

"""The metrics of all replicas, from whichever replica Prometheus asks.

Each replica serves its metrics on a Unix socket in the shared folder. The replica that receives the request collects
them and adds the label `replica`. Replicas that do not answer in time are left out.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

TIMEOUT_SECONDS = 1.0
LABEL = "replica"
_SUFFIX = ".metrics"


class ReplicaMetrics(Collector):
    """The metrics of this replica, `number`, and of the others that share the folder."""

    def __init__(self, folder: Path, number: int, registry: CollectorRegistry) -> None:
        self._folder = folder
        self._own_socket = _socket_path(folder, number)
        self._registry = registry
        self._own_socket.unlink(missing_ok=True)  # left by a replica that was killed
        self._server = _MetricsServer(str(self._own_socket), registry)
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def collect(self) -> Iterator[Metric]:
        """Yield each metric family once, with the samples of all replicas."""
        families: dict[str, Metric] = {}
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            content = generate_latest(self._registry) if path == self._own_socket else _fetch(path)
            for metric in text_string_to_metric_families(content.decode("utf-8")):
                family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    labels = sample.labels | {LABEL: path.stem}
                    family.samples.append(sample._replace(labels=labels))
        yield from families.values()

    def close(self) -> None:
        """Stop to serve the metrics of this replica."""
        self._server.shutdown()
        self._server.server_close()
        self._own_socket.unlink(missing_ok=True)


class _MetricsServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, registry: CollectorRegistry) -> None:
        self.registry = registry
        super().__init__(path, _MetricsHandler)


class _MetricsHandler(socketserver.StreamRequestHandler):
    server: _MetricsServer

    def handle(self) -> None:
        self.wfile.write(generate_latest(self.server.registry))


def _socket_path(folder: Path, number: int) -> Path:
    return folder / f"{number}{_SUFFIX}"


def _fetch(path: Path) -> bytes:
    """The metrics of another replica; empty if it does not answer in time."""
    parts = []
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_SECONDS)
            connection.connect(str(path))
            while part := connection.recv(1 << 16):
                parts.append(part)
    except OSError:
        return b""
    return b"".join(parts)

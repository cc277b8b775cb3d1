"""What all replicas at one address have counted, whichever of them is asked.

Each replica tells its metrics on a Unix socket in a folder that the parent made; the one that is asked gathers them,
and the label `replica` keeps them apart. A replica that does not answer in time is left out of that answer.
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

PATIENCE_SECONDS = 1.0
LABEL = "replica"
_SUFFIX = ".metrics"


class Siblings(Collector):
    """The metrics of this replica, which is `number`, and of those that tell theirs in the same folder."""

    def __init__(self, folder: Path, number: int, registry: CollectorRegistry) -> None:
        self._folder = folder
        self._own = _socket(folder, number)
        self._registry = registry
        self._own.unlink(missing_ok=True)  # of one that was killed
        self._server = _Server(str(self._own), registry)
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def collect(self) -> Iterator[Metric]:
        """Every family once, with the samples of all replicas."""
        families: dict[str, Metric] = {}
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            told = generate_latest(self._registry) if path == self._own else _ask(path)
            for metric in text_string_to_metric_families(told.decode("utf-8")):
                family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    labels = sample.labels | {LABEL: path.stem}
                    family.samples.append(sample._replace(labels=labels))
        yield from families.values()

    def close(self) -> None:
        """Tells nothing any more."""
        self._server.shutdown()
        self._server.server_close()
        self._own.unlink(missing_ok=True)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, registry: CollectorRegistry) -> None:
        self.registry = registry
        super().__init__(path, _Tell)


class _Tell(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.wfile.write(generate_latest(self.server.registry))


def _socket(folder: Path, number: int) -> Path:
    return folder / f"{number}{_SUFFIX}"


def _ask(path: Path) -> bytes:
    """What another replica has counted; nothing where it does not answer."""
    parts = []
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE_SECONDS)
            connection.connect(str(path))
            while part := connection.recv(1 << 16):
                parts.append(part)
    except OSError:
        return b""
    return b"".join(parts)

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import uvicorn
from interrupts import restore_interrupts
from numpy.typing import NDArray

from glossator.service.api.app import create_app
from glossator.service.api.settings import Settings
from glossator.service.api.transport.server import _Server, serve
from glossator.service.errors import ConfigError, InferenceError
from glossator.service.inference.model import Model
from glossator.service.inference.queue.calls import Run

ROOT = Path(__file__).resolve().parents[4]
PATH = "/v1/models/intents/predict"
BODY = json.dumps({"text": "money"}).encode()

PROGRAM = """
import sys
from glossator.service.api.app import create_app
from glossator.service.api.transport.server import serve
from glossator.service.api.settings import Settings
from glossator.service.inference.model import load

settings = Settings(port=0)
app = create_app({"intents": load(sys.argv[1], threads=1)}, settings)
serve(app, settings, on_ready=lambda url: print(url, file=sys.stderr, flush=True))
print("stopped")
"""


@dataclass(frozen=True)
class Running:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    host: str
    port: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=20)


@contextmanager
def running(bundle: Path) -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(bundle)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "GLOSSATOR_MAX_BODY_BYTES": "100000"},
        preexec_fn=restore_interrupts,
    )
    try:
        assert process.stderr is not None
        url = urlsplit(process.stderr.readline().strip())
        assert url.hostname is not None
        assert url.port
        yield Running(process, url.hostname, url.port)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def server(bundles: dict[str, Path]) -> Iterator[Running]:
    with running(bundles["intents"]) as started:
        yield started


def post(connection: http.client.HTTPConnection, body: object, **options: object) -> tuple[int, dict[str, object]]:
    headers = {"Content-Type": "application/json"}
    connection.request("POST", PATH, body=body, headers=headers, **options)  # type: ignore[arg-type]
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_serve_on_a_free_port_reports_its_url(server: Running) -> None:
    assert server.port != 0
    connection = server.connect()
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b'{"status":"ready"}')
    assert answer.getheader("server") is None
    status, body = post(connection, BODY)
    connection.close()
    assert (status, body["model"]) == (200, "intents")


def test_serve_reads_chunked_bodies_up_to_the_limit(server: Running) -> None:
    connection = server.connect()
    status, body = post(connection, iter([BODY[:5], BODY[5:]]), encode_chunked=True)
    assert (status, body["model"]) == (200, "intents")
    status, body = post(connection, iter([b" " * 50_000] * 40), encode_chunked=True)
    assert (status, body["code"]) == (413, "body-too-large")
    assert post(connection, BODY)[0] == 200  # the rest of the long body was not parsed as a request
    status, body = post(connection, b" " * 100_001)
    connection.close()
    assert (status, body["code"]) == (413, "body-too-large")


def test_serve_survives_invalid_http(server: Running) -> None:
    for nonsense in (b"\x16\x03\x01\x00\xa5", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
        with socket.create_connection((server.host, server.port), timeout=20) as client:
            client.sendall(nonsense)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
    connection = server.connect()
    assert post(connection, BODY)[0] == 200
    connection.close()


@pytest.mark.parametrize("signals", [[signal.SIGTERM] * 3, [signal.SIGHUP]], ids=["SIGTERM", "SIGHUP"])
def test_serve_on_a_signal_finishes_running_requests_and_returns(
    bundles: dict[str, Path], signals: list[signal.Signals]
) -> None:
    with running(bundles["intents"]) as server, socket.create_connection((server.host, server.port), 20) as client:
        head = f"POST {PATH} HTTP/1.1\r\nHost: {server.host}\r\nContent-Type: application/json\r\n"
        client.sendall(head.encode() + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:5])
        time.sleep(0.3)  # the request has begun
        for kind in signals:
            server.process.send_signal(kind)
        deadline = time.monotonic() + 10
        while _accepts(server):
            assert time.monotonic() < deadline, "the server still accepts connections"
            time.sleep(0.02)
        client.sendall(BODY[5:])
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert answer.status == 200
        assert answer.getheader("connection") == "close"
        assert json.loads(answer.read())["results"][0]["labels"] == ["refund"]
        stdout, _ = server.process.communicate(timeout=20)
        assert server.process.returncode == 0
        assert stdout == "stopped\n"  # `serve` returned, and printed nothing itself


def _accepts(server: Running) -> bool:
    try:
        socket.create_connection((server.host, server.port), timeout=5).close()
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it stopped listening just then
        return False
    return True


def test_server_drains_after_the_signal(served_models: dict[str, Model]) -> None:
    app = create_app(served_models, Settings())
    server = _Server(uvicorn.Config(app, log_config=None), app.state.service, "http://127.0.0.1", None)
    assert not app.state.service.draining
    server.handle_exit(signal.SIGTERM, None)
    assert app.state.service.draining
    assert server.should_exit


def test_connections_that_wait_when_the_server_stops_are_answered(served_models: dict[str, Model]) -> None:
    app = create_app(served_models, Settings())
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=10)
    config.load()

    async def stop() -> list[socket.socket]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = _Server(config, app.state.service, "http://127.0.0.1", None)
            server.lifespan = config.lifespan_class(config)
            await server.startup([listener])
            address = listener.getsockname()
            clients = [socket.create_connection(address, 20) for _ in range(20)]  # accepted when the loop runs again
            for client in clients:
                client.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await server.shutdown([listener])
        return clients

    for client in asyncio.run(stop()):
        with client:
            answer = http.client.HTTPResponse(client)
            answer.begin()
            assert answer.status == 200


def test_serve_refuses_a_port_in_use(served_models: dict[str, Model]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = Settings(port=other.getsockname()[1])
        with pytest.raises(ConfigError, match="the port is in use") as caught:
            serve(create_app(served_models, settings), settings)
    assert caught.value.found == f"127.0.0.1:{settings.port}"
    assert "choose another port" in str(caught.value)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("192.0.2.1", "the address cannot be bound"),  # TEST-NET-1: no machine has this address
        ("x" * 64, "cannot be resolved"),  # DNS allows 63 letters
    ],
)
def test_serve_refuses_an_address_of_another_machine(served_models: dict[str, Model], host: str, message: str) -> None:
    settings = Settings(host=host, port=0, api_keys=("correct-horse-battery",))
    with pytest.raises(ConfigError, match=message):
        serve(create_app(served_models, settings), settings)


def test_serve_raises_the_error_of_a_failed_warm_up(make_model: Callable[[Run], Model]) -> None:
    class Failing:
        def run(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
            raise InferenceError("the graph failed")

    settings = Settings(port=0)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(InferenceError, match="the graph failed"):
        serve(create_app({"failing": make_model(Failing().run)}, settings), settings)
    assert signal.getsignal(signal.SIGTERM) is before

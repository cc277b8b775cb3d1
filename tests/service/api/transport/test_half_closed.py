"""Clients that close their side of the connection, and clients that leave, over real sockets."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray

from glossator.service.api.app import create_app
from glossator.service.api.settings import Settings
from glossator.service.api.transport.header_limits import HeaderLimitsProtocol
from glossator.service.inference.model import Model
from glossator.service.inference.queue.calls import Run

PATH = "/v1/models/slow/predict"


class Slow:
    """A graph that takes `seconds` for every batch and counts its batches."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.runs = 0

    def run(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        self.runs += 1
        time.sleep(self.seconds)
        return np.zeros((len(windows), 6), dtype=np.float32)


@contextmanager
def served(model: Model) -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(create_app({"slow": model}, Settings()), http=HeaderLimitsProtocol, log_config=None, port=0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


def request(texts: list[str], *, version: str = "1.1", path: str = PATH, missing: int = 0) -> bytes:
    body = json.dumps({"texts": texts}).encode()
    head = f"POST {path} HTTP/{version}\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body) + missing}\r\n\r\n".encode() + body


def read_all(client: socket.socket) -> bytes:
    parts = []
    while part := client.recv(65_536):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("seconds", [0.0, 0.4])
def test_a_client_that_only_stops_sending_gets_its_answer(
    make_model: Callable[[Run], Model], seconds: float, version: str
) -> None:
    slow = Slow(seconds)
    with served(make_model(slow.run)) as address, socket.create_connection(address, timeout=20) as client:
        client.sendall(request(["money"], version=version))
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)  # the server closes the connection after the answer
    *interim, head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body)["results"][0]["labels"] == ["refund"]
    assert set(interim) <= {b"HTTP/1.1 100 Continue"}
    assert not (interim and version == "1.0")


def test_the_work_of_a_client_that_left_stops(make_model: Callable[[Run], Model]) -> None:
    slow = Slow(0.2)
    model = make_model(slow.run)
    with served(model) as address:
        with socket.create_connection(address, timeout=20) as client:
            client.sendall(request(["money " * 600] * 60))  # batches for about seven seconds
            deadline = time.monotonic() + 20
            before = slow.runs
            while slow.runs < before + 4:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        for _ in range(3):
            after = slow.runs
            time.sleep(1.0)
            if slow.runs == after:
                break
        assert slow.runs == after
        assert not model.batcher.wait("bulk")


def test_an_incomplete_request_is_not_waited_for(make_model: Callable[[Run], Model]) -> None:
    slow = Slow(0.0)
    with served(make_model(slow.run)) as address, socket.create_connection(address, timeout=20) as client:
        before = slow.runs
        client.sendall(request(["money"], missing=1))
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b""
        assert slow.runs == before

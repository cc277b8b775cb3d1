"""Ended jobs with a webhook, and receivers of every kind on the loopback address."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from glossator.service.jobs.records import Job, Result
from glossator.service.jobs.storage.open_store import open_store
from glossator.service.jobs.storage.store import Store
from glossator.service.jobs.webhooks.message import secret_bytes

from ..conftest import NEW

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
KEY = secret_bytes(SECRET)
Answer = Callable[[socket.socket], None]
"""Answers one connection, whose request has been read."""


class Receiver:
    """A server of raw connections, each in a thread of its own."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.closed = threading.Event()
        self.requests: list[bytes] = []
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?x=1"

    def close(self) -> None:
        self.closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            received = b""
            while b"}}" not in received:
                block = connection.recv(65_536)
                if not block:
                    return
                received += block
            self.requests.append(received)
            self._answer(connection)


def status(code: int, headers: str = "") -> Answer:
    """Answers with a status and no body."""
    return lambda connection: connection.sendall(f"HTTP/1.1 {code} X\r\n{headers}Content-Length: 0\r\n\r\n".encode())


@pytest.fixture
def receive() -> Iterator[Callable[[Answer], Receiver]]:
    """Starts receivers."""
    made: list[Receiver] = []

    def start(answer: Answer) -> Receiver:
        made.append(Receiver(answer))
        return made[-1]

    yield start
    for receiver in made:
        receiver.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path / "store")
    yield made
    made.close()


def ended(store: Store, url: str, job_id: str = "job_1") -> Job:
    """A job that has ended, with a webhook."""
    store.submit(replace(NEW, id=job_id, webhook=url))
    claim = store.claim("w", [NEW.digest], 60)
    assert claim is not None
    return store.complete(claim, Result("r", "0", 1))

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from glossator.service.errors import ConfigError
from glossator.service.jobs.open_store import open_store
from glossator.service.jobs.records import Job, Result
from glossator.service.jobs.webhook import check_url, deliver, message_body, secret_bytes, signature, wait

from .conftest import NEW

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


def ended(tmp_path: Path, url: str) -> Job:
    store = open_store(tmp_path)
    store.submit(replace(NEW, webhook=url))
    claim = store.claim("w", [NEW.digest], 60)
    assert claim is not None
    job = store.complete(claim, Result("r", "0", 1))
    store.close()
    return job


class Receiver(BaseHTTPRequestHandler):
    got: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Receiver.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(Receiver.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[str]:
    Receiver.got, Receiver.status = [], 200
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook?x=1"
    server.shutdown()
    thread.join()
    server.server_close()


def test_message_is_signed_as_the_standard_has_it() -> None:
    """The example of the standard's own documentation."""
    key = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_end_of_a_job_is_reported(tmp_path: Path, receiver: str) -> None:
    job = ended(tmp_path, receiver)
    key = secret_bytes(SECRET)
    assert deliver(job, key) == 200
    assert deliver(job, key) == 200
    (path, headers, body), (_, again, _) = Receiver.got
    assert path == "/hook?x=1"
    assert headers["webhook-id"] == again["webhook-id"] == f"{job.id}.1"
    timestamp = int(headers["webhook-timestamp"])
    assert headers["webhook-signature"] == signature(key, headers["webhook-id"], timestamp, body)
    message = json.loads(body)
    assert message["type"] == "job.completed"
    assert message["data"] == {"id": job.id, "state": "completed", "model": "intents", "version": "d" * 64, "rows": 0,
                            "failed": 0}  # fmt: skip
    assert body == message_body(job)


def test_redirects_are_not_followed(tmp_path: Path, receiver: str) -> None:
    Receiver.status = 307
    assert deliver(ended(tmp_path, receiver), secret_bytes(SECRET)) == 307
    assert len(Receiver.got) == 1


def test_nobody_there_is_no_answer(tmp_path: Path) -> None:
    assert deliver(ended(tmp_path, "http://127.0.0.1:1/"), secret_bytes(SECRET)) is None


@pytest.mark.parametrize(
    "url", ["https://a.test/x", "https://A.test/", "https://b.test:8443/x?y", "http://127.0.0.1:9/x"]
)
def test_named_hosts_may_be_called(url: str) -> None:
    assert check_url(url, ["a.test", "b.test:8443", "127.0.0.1:9"]) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/", "http://a.test/", "https://a.test:81/", "https://b.test/", "ftp://a.test/", "",
        "https://user@a.test/", "https://a.test@evil.test/", "https://a.test.evil.test/", "https://[", "//a.test/",
        "https://a.test:99999/", "http://127.0.0.1:10/", "http://169.254.169.254/latest",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is not allowed"):
        check_url(url, ["a.test", "b.test:8443", "127.0.0.1:9"])


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!"])
def test_weak_secrets_are_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret"):
        secret_bytes(secret)


def test_waits_grow_and_end() -> None:
    waits = [wait(tries) for tries in range(8)]
    assert waits == sorted(waits)
    assert max(waits) == 21_600

"""Threats to a server that reads untrusted texts. Each test has the name of its row in the threat model.

The tests for threats to jobs, keys, hosts and bundles are next to the tests of those parts.
"""

from __future__ import annotations

import gzip
import json
import logging
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from servers import HTTP, Server, server
from starlette.testclient import TestClient
from wrong_requests import PREDICT, WRONG, Wrong

from glossator.service.inference.model import load

HOSTILE = [
    "\ud800", "a\x00b", "\u202egnp.exe", "x" * 1_000_000, "\u0301" * 50_000, "🙂" * 20_000, "{{7*7}}", "<script>",
    "\u2028\u2029\x85", "ﷺ" * 10_000, "\ufeff", "%s%n", "A" * 200_000 + " " + "B" * 200_000,
]  # fmt: skip


@pytest.fixture(scope="module")
def running(bundles: dict[str, Path]) -> Iterator[Server]:
    with server(*bundles.values(), queue_seconds=30) as running:
        yield running


def post(running: Server, body: object, **more: Any) -> httpx.Response:
    headers = {"Content-Type": "application/json"} | more
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HTTP.post(running.url + PREDICT, content=content, headers=headers, timeout=30)


def test_cpu_from_tokenizer(running: Server) -> None:
    """CPU <- tokenizer: hostile texts are answered or refused, one by one; none affects the others."""
    answer = post(running, {"texts": [*HOSTILE, "money"]})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert len(results) == len(HOSTILE) + 1
    assert results[-1]["labels"] == ["refund"]
    assert results[0]["error"]["code"] == "undecodable-text"


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_wrong_requests_are_refused(running: Server, wrong: Wrong) -> None:
    answer = HTTP.post(running.url + wrong.path, content=wrong.body, headers=dict(wrong.headers), timeout=30)
    assert answer.status_code == wrong.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models/nothing/predict", 404), ("/v1/models/intents@0000000/predict", 404),
        ("/v1/models/../predict", 404),
        ("/v1/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd/predict", 404), ("/v1/models/intents%00/predict", 404),
        ("/ui/static/../../../../etc/passwd", 404), ("/ui/static/%2e%2e/%2e%2e/pages.py", 404),
    ],
)  # fmt: skip
def test_files_from_path_traversal(running: Server, path: str, status: int) -> None:
    """files <- path traversal."""
    method = "GET" if path.startswith("/ui") else "POST"
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])), timeout=10) as raw:
        body = b'{"text": "a"}' if method == "POST" else b""
        raw.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        received = b""
        while part := raw.recv(65_536):
            received += part
    assert int(received.split()[1]) == status, received[:300]
    assert b"root:" not in received


def test_incomplete_bodies_do_not_block_other_requests(running: Server) -> None:
    """While connections send half of a body and stop, or close, other requests are answered."""
    port = int(running.url.rpartition(":")[2])
    head = (
        f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    )
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
    for each in connections:
        each.sendall(head.encode() + b'{"text": ')
    assert post(running, {"text": "money"}).status_code == 200
    for each in connections:
        each.close()
    assert post(running, {"text": "money"}).status_code == 200


def test_memory_and_disk_from_uploads(running: Server) -> None:
    """memory <- gzip: decompression of a gzip bomb stops at the limit."""
    bomb = gzip.compress(b'{"text": "' + b"a" * 50_000_000 + b'"}')
    answer = post(running, bomb, **{"Content-Encoding": "gzip"})
    assert answer.status_code == 413
    fine = post(running, gzip.compress(b'{"text": "money"}'), **{"Content-Encoding": "gzip"})
    assert fine.json()["results"][0]["labels"] == ["refund"]


def test_responses_are_compressed_for_clients_that_accept_it(running: Server) -> None:
    plain = HTTP.post(running.url + PREDICT, json={"texts": ["money"] * 100}, headers={"Accept-Encoding": "identity"})
    compressed = HTTP.post(running.url + PREDICT, json={"texts": ["money"] * 100}, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.json() == plain.json()


def test_logs_from_personal_text(make_client: Callable[..., TestClient], caplog: pytest.LogCaptureFixture) -> None:
    """logs <- personal text: no text appears in logs or metrics, whether it is answered or refused."""
    client = make_client()
    caplog.set_level(logging.DEBUG)
    secret = "zebra-4711"
    for body in ({"text": secret}, {"texts": [secret, ""]}, {"text": secret, secret: 1}, {"text": [secret]}):
        client.post(PREDICT, json=body)
        for path in (
            "/hf/intents",
            "/tei/intents/predict",
            "/v2/models/intents/infer",
            "/label-studio/intents/predict",
        ):
            client.post(path, json={"inputs": secret, "tasks": [{"data": {"text": secret}}]})
        client.post("/ui/answer", data={"model": "intents", "text": secret})
    ours = [record for record in caplog.records if record.name != "httpx2"]  # the test client logs its URLs
    assert secret not in "".join(record.getMessage() for record in ours)
    assert secret not in client.get("/metrics").text


@given(text=st.text(st.characters(), max_size=200))
@settings(max_examples=examples(60))
def test_any_text_is_answered_or_refused_with_a_code(running: Server, text: str) -> None:
    answer = post(running, {"texts": [text, "money"]})
    assert answer.status_code == 200
    first, second = answer.json()["results"]
    assert "labels" in first or first["error"]["code"] in ("empty-text", "undecodable-text")
    assert second["labels"] == ["refund"]


def test_parallel_answers_equal_sequential_answers(bundles: dict[str, Path]) -> None:
    """R11: 32 threads with many calls each, compared with sequential calls."""
    words = ["money", "parcel", "thanks", "the", "other", "!"]
    texts = [
        " ".join(words[(number * step) % 6] for step in range(1, 1 + number % 40)) or "money" for number in range(400)
    ]
    model = load(bundles["intents"])
    serial = [model.predict([text])[0] for text in texts]
    with ThreadPoolExecutor(32) as pool:
        for _ in range(3):
            together = list(pool.map(lambda text: model.predict([text])[0], texts))
            assert [answer.labels for answer in together] == [answer.labels for answer in serial]  # type: ignore[union-attr]
            assert [answer.tokens for answer in together] == [answer.tokens for answer in serial]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/hf/intents", {"inputs": ["money"]}), ("/tei/intents/predict", {"inputs": "money"}),
        ("/tei/intents/predict", {"inputs": "money", "raw_scores": True}),
        ("/cohere/v1/classify", {"model": "intents", "inputs": ["money"]}),
        ("/v2/models/intents/infer",
         {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["money"]}]}),
    ],
)  # fmt: skip
def test_deadline_holds_in_every_dialect(running: Server, path: str, body: object) -> None:
    late = HTTP.post(running.url + path, json=body, headers={"X-Request-Timeout": "1e-9"})
    # Refused from the length of the queue, or dropped at the deadline; 424 is how text-embeddings-inference says it.
    assert late.status_code in (429, 424 if path.startswith("/tei") else 504), late.text
    assert HTTP.post(running.url + path, json=body, headers={"X-Request-Timeout": "20"}).status_code == 200
    wrong = HTTP.post(running.url + path, json=body, headers={"X-Request-Timeout": "soon"})
    assert wrong.status_code in (400, 422)
    assert "x-request-timeout" in wrong.text


def test_late_work_is_dropped_and_counted(running: Server) -> None:
    """R2, over HTTP: work is dropped after its deadline, and counted."""
    answer = post(running, {"texts": ["money " * 50] * 900}, **{"X-Request-Timeout": "0.000001"})
    assert answer.status_code in (429, 504)
    time.sleep(0.2)
    metrics = HTTP.get(f"{running.url}/metrics").text
    late = [
        line for line in metrics.splitlines() if line.startswith(("glossator_late_total", "glossator_refused_total"))
    ]
    assert sum(float(line.rpartition(" ")[2]) for line in late) >= 1

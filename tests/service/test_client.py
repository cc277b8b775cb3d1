"""The client against a server in a process of its own, and against one that refuses for a while."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import Server, server

import glossator
from glossator.service.api.schemas.errors import FailedText
from glossator.service.api.schemas.predictions import ClassificationBody
from glossator.service.client import ApiError


@pytest.fixture(scope="module")
def running(bundles: dict[str, Path]) -> Iterator[Server]:
    with server(*bundles.values()) as made:
        yield made


def test_answers_are_typed_and_in_order(running: Server) -> None:
    with glossator.Client(running.url) as client:
        answered = client.predict("intents", ["money", "", "parcel"], top_k=2)
        first, second, third = answered.results
        assert isinstance(first, ClassificationBody)
        assert isinstance(third, ClassificationBody)
        assert (first.labels, third.labels, len(first.scores)) == (["refund"], ["delivery"], 2)
        assert isinstance(second, FailedText)
        assert second.error.code == "empty-text"
        assert client.models().models[0].name == "intents"
        assert client.model("tags").version != answered.version
        (alone,) = client.predict("intents", "money and the parcel", explain=True).results
        assert isinstance(alone, ClassificationBody)
        assert alone.explanation is not None
        assert [each.text for each in alone.explanation.attributions] == ["money", "and", "the", "parcel"]


def test_errors_carry_their_codes(running: Server) -> None:
    with glossator.Client(running.url) as client:
        for act, code, status in (
            (lambda: client.predict("nothing", "a"), "unknown-model", 404),
            (lambda: client.predict("intents", ""), "empty-text", 422),
            (lambda: client.predict("intents", "a", threshold=0.5), "config-error", 422),
            (lambda: client.zero_shot("intents", ["a"], ["b"]), "config-error", 422),
            (lambda: client.rerank("intents", "a", ["b"]), "config-error", 422),
        ):
            with pytest.raises(ApiError) as caught:
                act()
            assert (caught.value.code, caught.value.status) == (code, status)


def test_client_for_asyncio_does_the_same(running: Server) -> None:
    async def ask() -> list[Any]:
        async with glossator.AsyncClient(running.url) as client:
            return await asyncio.gather(*(client.predict("intents", f"money {number}") for number in range(20)))

    assert {each.results[0].labels[0] for each in asyncio.run(ask())} == {"refund"}


class Refusing(BaseHTTPRequestHandler):
    """Refuses the first requests as `plan` says, then answers with an empty list of models."""

    plan: list[tuple[int, str | None]]
    times: list[float]

    def do_GET(self) -> None:
        self.times.append(time.monotonic())
        status, after = self.plan.pop(0) if self.plan else (200, None)
        if status == 0:
            self.close_connection = True
            return
        body = json.dumps({"models": [], "data": []} if status == 200 else {"code": "overloaded", "detail": "too much"})
        self.send_response(status)
        if after is not None:
            self.send_header("Retry-After", after)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[str]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize("plan", [[(429, "1")], [(503, None), (503, "0")], [(0, None)]])
def test_what_is_refused_for_now_is_asked_again_when_it_was_told(
    refusing: str, plan: list[tuple[int, str | None]]
) -> None:
    Refusing.plan, Refusing.times = list(plan), []
    with glossator.Client(refusing) as client:
        assert client.models().models == []
    waited = Refusing.times[-1] - Refusing.times[0]
    assert len(Refusing.times) == len(plan) + 1
    assert (1.0 <= waited < 2.0) if plan[0][1] == "1" else waited < 1.0

    async def ask() -> None:
        Refusing.plan, Refusing.times = list(plan), []
        async with glossator.AsyncClient(refusing) as client:
            assert (await client.models()).models == []

    asyncio.run(ask())


def test_patience_ends(refusing: str) -> None:
    Refusing.plan, Refusing.times = [(429, "0")] * 9, []
    with glossator.Client(refusing, retries=2) as client, pytest.raises(ApiError) as caught:
        client.models()
    assert (caught.value.code, caught.value.status, len(Refusing.times)) == ("overloaded", 429, 3)
    with glossator.Client("http://127.0.0.1:9", retries=1) as client, pytest.raises(httpx.ConnectError):
        client.models()


def test_errors_are_not_asked_again(refusing: str) -> None:
    Refusing.plan, Refusing.times = [(404, None)], []
    with glossator.Client(refusing) as client, pytest.raises(ApiError):
        client.models()
    assert len(Refusing.times) == 1

"""The client with a server in its own process, and with a server that refuses requests for a while."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import Server, server

import glossator
from glossator.service.api.schemas.errors import FailedText
from glossator.service.api.schemas.feedback_results import StoredFeedback
from glossator.service.api.schemas.predictions import ClassificationBody
from glossator.service.client import ApiError


@pytest.fixture(scope="module")
def running(bundles: dict[str, Path]) -> Iterator[Server]:
    with server(*bundles.values()) as started:
        yield started


def test_answers_are_typed_and_in_order(running: Server) -> None:
    with glossator.Client(running.url) as client:
        response = client.predict("intents", ["money", "", "parcel"], top_k=2)
        first, second, third = response.results
        assert isinstance(first, ClassificationBody)
        assert isinstance(third, ClassificationBody)
        assert (first.labels, third.labels, len(first.scores)) == (["refund"], ["delivery"], 2)
        assert isinstance(second, FailedText)
        assert second.error.code == "empty-text"
        assert client.models().models[0].name == "intents"
        assert client.model("tags").version != response.version
        (single,) = client.predict("intents", "money and the parcel", explain=True).results
        assert isinstance(single, ClassificationBody)
        assert single.explanation is not None
        assert [each.text for each in single.explanation.attributions] == ["money", "and", "the", "parcel"]


def test_errors_have_codes(running: Server) -> None:
    with glossator.Client(running.url) as client:
        for call, code, status in (
            (lambda: client.predict("nothing", "a"), "unknown-model", 404),
            (lambda: client.predict("intents", ""), "empty-text", 422),
            (lambda: client.predict("intents", "a", threshold=0.5), "config-error", 422),
            (lambda: client.zero_shot("intents", ["a"], ["b"]), "config-error", 422),
            (lambda: client.rerank("intents", "a", ["b"]), "config-error", 422),
        ):
            with pytest.raises(ApiError) as caught:
                call()
            assert (caught.value.code, caught.value.status) == (code, status)


def test_the_asyncio_client_gives_the_same_answers(running: Server) -> None:
    async def send() -> list[Any]:
        async with glossator.AsyncClient(running.url) as client:
            return await asyncio.gather(*(client.predict("intents", f"money {number}") for number in range(20)))

    assert {each.results[0].labels[0] for each in asyncio.run(send())} == {"refund"}


def test_several_heads_are_asked_at_once(head_bundle: Callable[[str], Path]) -> None:
    head = head_bundle("single_label_classification")
    with server(head.parent / "text-embedding", head) as started, glossator.Client(started.url) as client:
        every = client.predict_heads("text-embedding", ["cannot log in", " "], top_k=1)
        assert (every.model, list(every.heads)) == ("text-embedding", ["topics-single"])
        first, second = every.heads["topics-single"].results
        assert isinstance(first, ClassificationBody)
        assert (first.labels, len(first.scores)) == (["login"], 1)
        assert isinstance(second, FailedText)

        async def send() -> Any:
            async with glossator.AsyncClient(started.url) as other:
                return await other.predict_heads("text-embedding", ["cannot log in", " "], ["topics-single"], top_k=1)

        assert asyncio.run(send()) == every
        with pytest.raises(ApiError) as caught:
            client.predict_heads("text-embedding", ["a"], ["nothing"])
        assert caught.value.code == "unknown-model"


class RefusingHandler(BaseHTTPRequestHandler):
    """Refuses the first requests according to `plan`, then answers with an empty list of models.

    `plan`: pairs of a status and a value of Retry-After; status 0 closes the connection.
    """

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
    http_server = ThreadingHTTPServer(("127.0.0.1", 0), RefusingHandler)
    thread = threading.Thread(target=http_server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http_server.server_port}"
    http_server.shutdown()
    thread.join()
    http_server.server_close()


@pytest.mark.parametrize("plan", [[(429, "1")], [(503, None), (503, "0")], [(0, None)]])
def test_refused_requests_are_retried_after_the_given_delay(refusing: str, plan: list[tuple[int, str | None]]) -> None:
    RefusingHandler.plan, RefusingHandler.times = list(plan), []
    with glossator.Client(refusing) as client:
        assert client.models().models == []
    waited = RefusingHandler.times[-1] - RefusingHandler.times[0]
    assert len(RefusingHandler.times) == len(plan) + 1
    assert (1.0 <= waited < 2.0) if plan[0][1] == "1" else waited < 1.0

    async def send() -> None:
        RefusingHandler.plan, RefusingHandler.times = list(plan), []
        async with glossator.AsyncClient(refusing) as client:
            assert (await client.models()).models == []

    asyncio.run(send())


def test_retries_end(refusing: str) -> None:
    RefusingHandler.plan, RefusingHandler.times = [(429, "0")] * 9, []
    with glossator.Client(refusing, retries=2) as client, pytest.raises(ApiError) as caught:
        client.models()
    assert (caught.value.code, caught.value.status, len(RefusingHandler.times)) == ("overloaded", 429, 3)
    with glossator.Client("http://127.0.0.1:9", retries=1) as client, pytest.raises(httpx.ConnectError):
        client.models()


def test_other_errors_are_not_retried(refusing: str) -> None:
    RefusingHandler.plan, RefusingHandler.times = [(404, None)], []
    with glossator.Client(refusing) as client, pytest.raises(ApiError):
        client.models()
    assert len(RefusingHandler.times) == 1


def test_feedback_is_given_by_the_response_and_taken_back(bundles: dict[str, Path], tmp_path: Path) -> None:
    with server(*bundles.values(), prediction_log=tmp_path / "log", free_disk_bytes=0) as logging:
        with glossator.Client(logging.url) as client:
            response = client.predict("intents", ["money", "the parcel"])
            assert response.request_id
            stored = client.feedback(response, place=1, labels=["refund"], comment="about money")
            assert (stored.status, stored.correct, stored.request) == ("stored", False, response.request_id)
            assert (
                client.feedback(response.request_id, place=1, labels=["refund"], comment="about money").id == stored.id
            )
            client.undo_feedback(stored)
            first, second = client.feedback_batch(
                [{"request": response.request_id, "correct": True}, {"request": "none", "correct": True}]
            ).results
            assert isinstance(first, StoredFeedback)
            assert isinstance(second, FailedText)
            assert second.error.code == "unknown-answer"
            with pytest.raises(ApiError) as caught:
                client.feedback("none", correct=True)
            assert (caught.value.code, caught.value.status) == ("unknown-answer", 404)

        async def send() -> Any:
            async with glossator.AsyncClient(logging.url) as client:
                answer = await client.predict("intents", "thanks")
                given = await client.feedback(answer, correct=True)
                await client.undo_feedback(given.id)
                batch = await client.feedback_batch([{"model": "intents", "text": "thanks", "correct": False}])
                return answer.request_id, given.request, batch.results[0]

        asked, given, last = asyncio.run(send())
        assert asked == given == last.request

"""Refusals that are repeated before a request is routed, and when they are not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from starlette.types import Message, Receive, Scope, Send

from glossator.service.api.middleware.early_refusals import EarlyRefusalMiddleware, RecentRefusals
from glossator.service.api.problems import CALLER, Unauthorized
from glossator.service.errors import Overloaded
from glossator.service.inference.queue.batching import Batcher

ERROR = Overloaded("the server is overloaded", retry_after=3)


@pytest.fixture
def full() -> Iterator[tuple[Batcher, threading.Event]]:
    """A queue whose first batch runs until the event is set."""
    began, go = threading.Event(), threading.Event()

    def run(windows: Sequence[Sequence[int]]) -> list[np.ndarray]:
        began.set()
        assert go.wait(20)
        return [np.zeros(1, dtype=np.float32) for _ in windows]

    with Batcher(run, workers=1) as batcher:
        batcher.submit([[1]])
        assert began.wait(10)
        yield batcher, go
        go.set()


def scope(length: int, path: str = "/v1/models/intents/predict", **more: Any) -> Scope:
    headers = [(b"content-length", str(length).encode()), *more.pop("headers", [])]
    return {"type": "http", "method": "POST", "path": path, "headers": headers, "path_params": {"name": "a"}, **more}


def test_a_request_like_those_that_were_refused_is_refused_at_once(full: tuple[Batcher, threading.Event]) -> None:
    batcher, _ = full
    refusals = RecentRefusals()
    assert refusals.find(scope(100)) is None
    refusals.note(scope(100, route="predict"), batcher, ERROR)
    refusals.note(scope(150), batcher, ERROR)
    asked = scope(120)
    assert refusals.find(asked) is ERROR
    assert asked["route"] == "predict"  # the metrics count it there
    assert batcher.totals.refused == 1


@pytest.mark.parametrize(
    "other",
    [
        scope(99),
        scope(101),
        scope(100, path="/v1/models/other/predict"),
        scope(100, headers=[(b"content-encoding", b"gzip")]),
        {**scope(100), "headers": []},
    ],
    ids=["shorter", "longer", "another model", "compressed", "no length"],
)
def test_requests_that_may_be_admitted_are_not_refused(full: tuple[Batcher, threading.Event], other: Scope) -> None:
    refusals = RecentRefusals()
    refusals.note(scope(100), full[0], ERROR)
    assert refusals.find(other) is None


@pytest.mark.parametrize(
    "noted",
    [
        scope(100, headers=[(b"x-request-timeout", b"0.001")]),
        {**scope(100), "path_params": {}},
        scope(100, headers=[(b"transfer-encoding", b"chunked")]),
    ],
    ids=["a deadline of its own", "the model is in the body", "no length"],
)
def test_refusals_that_say_nothing_about_others_are_not_repeated(
    full: tuple[Batcher, threading.Event], noted: Scope
) -> None:
    refusals = RecentRefusals()
    refusals.note(noted, full[0], ERROR)
    assert refusals.find(scope(100)) is None


def test_nothing_is_repeated_once_work_has_left_the_queue(full: tuple[Batcher, threading.Event]) -> None:
    batcher, go = full
    refusals = RecentRefusals()
    refusals.note(scope(100), batcher, ERROR)
    go.set()
    batcher.submit([[1]]).result(10)
    assert refusals.find(scope(100)) is None


@pytest.mark.parametrize(("caller", "status"), [("anyone", 429), (Unauthorized("no key"), 401)])
def test_only_callers_that_passed_the_guard_are_refused_here(
    full: tuple[Batcher, threading.Event], caller: object, status: int
) -> None:
    refusals = RecentRefusals()
    refusals.note(scope(100), full[0], ERROR)
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": []})

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("the body was read")

    asked = scope(100, state={CALLER: caller}, query_string=b"")
    asyncio.run(EarlyRefusalMiddleware(app, refusals)(asked, receive, send))
    assert sent[0]["status"] == status
    if status == 429:
        assert (b"retry-after", b"3") in sent[0]["headers"]

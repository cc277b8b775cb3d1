"""The path that all inference requests share: the deadline and a disconnect end them, and no work begins afterwards."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient
from starlette.types import Message

from glossator.service.api.app import create_app
from glossator.service.api.settings import Settings
from glossator.service.bundle import file_names
from glossator.service.errors import Overloaded
from glossator.service.inference.encoding import make_encoder
from glossator.service.inference.model import Model, load
from glossator.service.inference.pipeline import Pipeline
from glossator.service.inference.queue.batch_planning import Cost
from glossator.service.inference.queue.batching import Batcher
from glossator.service.inference.runtime.session import Session

CHEAP = Cost(batch=0.1, token=1e-4, attention=0.0, most_tokens=512)
WORDS = "where is my money and the parcel that never came"


class Slow:
    """A graph that takes `seconds` for every batch and notes when each began."""

    def __init__(self, width: int, seconds: float) -> None:
        self.width = width
        self.seconds = seconds
        self.begins: list[float] = []
        self.threads: set[int] = set()

    def run(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        self.begins.append(time.monotonic())
        self.threads.add(threading.get_ident())
        time.sleep(self.seconds)
        return np.zeros((len(windows), self.width), dtype=np.float32)


@pytest.fixture(scope="module")
def every_model(served_models: dict[str, Model], task_bundle: Callable[[str], Path]) -> dict[str, Model]:
    kinds = ("text-pair-score", "text-embedding")
    return served_models | {kind: load(task_bundle(kind), threads=1) for kind in kinds}


@pytest.fixture
def slow_app(every_model: dict[str, Model]) -> Callable[..., tuple[Any, Slow]]:
    """Create an app whose only model, `slow`, has the tokenizer and the task of a test bundle, and a slow graph."""

    def make(bundle_name: str, seconds: float = 0.1, **settings: Any) -> tuple[Any, Slow]:
        bundle = every_model[bundle_name].bundle
        slow = Slow(next(iter(bundle.task.outputs.values()))[-1] or 0, 0.0)
        batcher = Batcher(slow.run, workers=2, cost=CHEAP)  # no request is refused by its estimated work
        encoder = make_encoder(Path(bundle.path) / file_names.TOKENIZER, bundle.task)
        session = Session(bundle.path / file_names.GRAPH_FP32)
        model = Model(bundle, Pipeline(encoder, batcher, bundle.task), batcher, session)
        app = create_app({"slow": model}, Settings(**settings))
        slow.seconds = seconds
        return app, slow

    return make


def long_texts(count: int) -> list[str]:
    return [f"{WORDS} {number} " * 4 for number in range(count)]


REQUESTS = {
    "predict": ("intents", "/v1/models/slow/predict", {"texts": long_texts(400)}),
    "explain": ("intents", "/v1/models/slow/predict", {"texts": long_texts(8), "explain": True}),
    "rerank": ("text-pair-score", "/v1/models/slow/rerank", {"query": "my money", "documents": long_texts(200)}),
    "rerank by vectors": (
        "text-embedding", "/v1/models/slow/rerank", {"query": "my money", "documents": long_texts(400)},
    ),
    "zero-shot": ("text-embedding", "/v1/models/slow/zero-shot", {"texts": long_texts(300), "labels": ["a", "b"]}),
    "tei rerank": ("text-pair-score", "/tei/slow/rerank", {"query": "my money", "texts": long_texts(200)}),
    "tei raw scores": (
        "intents", "/tei/slow/predict", {"inputs": [[text] for text in long_texts(400)], "raw_scores": True},
    ),
    "cohere rerank": (
        "text-pair-score", "/cohere/v2/rerank", {"model": "slow", "query": "my money", "documents": long_texts(200)},
    ),
    "hf zero-shot": (
        "text-embedding", "/hf/slow", {"inputs": long_texts(300), "parameters": {"candidate_labels": ["a", "b"]}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REQUESTS)
def test_the_deadline_of_the_client_ends_every_kind_of_request(slow_app: Any, kind: str) -> None:
    bundle, path, body = REQUESTS[kind]
    app, slow = slow_app(bundle)
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        for seconds in (0.5, 2.0, 8.0):  # On a busy machine the first deadline may pass before a batch begins.
            slow.begins.clear()
            slow.seconds = seconds / 5
            answer = client.post(path, json=body, headers={"X-Request-Timeout": str(seconds)})
            ended = time.monotonic()
            assert answer.status_code in (504, 424), answer.text[:300]  # 424 is TEI's
            if slow.begins:
                break
        assert slow.begins
        time.sleep(1.0)
        assert [begin for begin in slow.begins if begin > ended + 0.3] == []
        assert app.state.service.model("slow").batcher.wait("bulk") == 0.0


@pytest.mark.parametrize("kind", REQUESTS)
def test_no_batch_begins_after_the_client_left(slow_app: Any, kind: str) -> None:
    bundle, path, body = REQUESTS[kind]
    app, slow = slow_app(bundle)
    statuses: list[int] = []

    async def scenario() -> float:
        async with app.router.lifespan_context(app):
            slow.begins.clear()
            leave = asyncio.Event()
            asking = asyncio.ensure_future(send(app, path, body, leave, statuses))
            while len(slow.begins) < 3:
                assert not asking.done()
                await asyncio.sleep(0.01)
            leave.set()
            left = time.monotonic()
            await asyncio.wait_for(asking, 5)
            await asyncio.sleep(1.0)
            return left

    left = asyncio.run(scenario())
    assert statuses == []
    assert [begin for begin in slow.begins if begin > left + 0.3] == []


def test_a_client_that_left_while_its_texts_were_encoded_costs_no_batch(slow_app: Any) -> None:
    app, slow = slow_app("intents", seconds=0.0)

    async def scenario() -> None:
        async with app.router.lifespan_context(app):
            slow.begins.clear()
            leave = asyncio.Event()
            leave.set()
            await send(app, *REQUESTS["predict"][1:], leave, [])

    asyncio.run(scenario())
    assert slow.begins == []


async def send(app: Any, path: str, body: Any, leave: asyncio.Event, statuses: list[int]) -> None:
    """Send a request as a server does, whose client disconnects when `leave` is set."""
    messages: list[Message] = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await leave.wait()
        return {"type": "http.disconnect"}

    async def respond(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")], "http_version": "1.1",
        "scheme": "http", "server": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    await app(scope, receive, respond)


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_kind_of_request_is_refused_by_a_full_queue_before_its_texts_are_encoded(
    slow_app: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, path, body = REQUESTS[kind]
    app, slow = slow_app(bundle)
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        model = app.state.service.model("slow")

        def encode(*_: object, **__: object) -> None:
            raise AssertionError("encoded")

        def admit(windows: int = 1, tokens: int | None = None, *, deadline: float = 0.0) -> None:
            raise Overloaded("the server is overloaded", retry_after=3)

        monkeypatch.setattr(model.batcher, "admit", admit)
        monkeypatch.setattr(model.pipeline, "encode", encode)
        slow.begins.clear()
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
        assert slow.begins == []


@pytest.mark.parametrize("text", ["\u200b", "\u2060\ufeff", " \u200b\n"])
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/models/intents/predict", lambda text: {"text": text}, 422),
        ("/hf/intents", lambda text: {"inputs": text}, 422),
        ("/tei/intents/predict", lambda text: {"inputs": text}, 400),
        ("/tei/text-embedding/embed", lambda text: {"inputs": [text]}, 400),
        ("/cohere/v1/classify", lambda text: {"model": "intents", "inputs": [text]}, 422),
        ("/cohere/v2/rerank", lambda text: {"model": "text-pair-score", "query": text, "documents": ["a"]}, 422),
        ("/v1/embeddings", lambda text: {"model": "text-embedding", "input": text}, 422),
        ("/v2/models/intents/infer", lambda text: {"inputs": [
            {"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}]}, 400),
    ],
)  # fmt: skip
def test_a_text_without_tokens_is_empty_in_every_dialect(
    make_client: Callable[..., TestClient],
    every_model: dict[str, Model],
    text: str,
    path: str,
    body: Callable[[str], Any],
    status: int,
) -> None:
    answer = make_client(every_model).post(path, json=body(text))
    assert answer.status_code == status, answer.text
    assert "text is empty" in answer.text

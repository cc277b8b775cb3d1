"""Deadlines and disconnects while texts are encoded, with a tokenizer that the test holds up: no timing decides."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from glossator.service.api.app import create_app
from glossator.service.api.settings import Settings
from glossator.service.bundle import file_names
from glossator.service.errors import InputError
from glossator.service.inference.encoding import Encoder
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import CHUNK_CHARACTERS
from glossator.service.tasks.encoded import EncodedText, Text

LONG = "where is my parcel " * (CHUNK_CHARACTERS // 19 + 1)
SHORT = ["where is my parcel " * 60] * 20
"""Too much for the event loop, but short."""
PREDICT = "/v1/models/slow/predict"


class HeldEncoder:
    """An encoder that stops at each long text until the test lets it go on."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.began = threading.Semaphore(0)
        self.go = threading.Event()
        self.seen: list[str] = []
        """The first characters of the long texts."""

    def encode(
        self, texts: Sequence[Text], *, truncate: bool = False, allow_empty: bool = True
    ) -> list[EncodedText | InputError]:
        if any(len(text) >= len(LONG) for text in texts):
            self.seen += [str(text)[:5] for text in texts]
            self.began.release()
            assert self.go.wait(30)
            texts = [text[:100] for text in texts]
        return self._encoder.encode(texts, truncate=truncate, allow_empty=allow_empty)


class Served:
    """An app in a running event loop, and what its model has seen."""

    def __init__(self, model: Model, batches: list[int]) -> None:
        self.encoder = HeldEncoder(model.pipeline.encoder)
        model.pipeline.encoder = self.encoder  # type: ignore[assignment]
        self.batches = batches
        self.app = create_app({"slow": model}, Settings())

    async def post(self, body: Any, *, timeout: float | None = None, leave: asyncio.Event | None = None) -> int:
        """The status of the response; 0 if there was none."""
        messages: list[Message] = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]
        statuses: list[int] = []

        async def receive() -> Message:
            if messages:
                return messages.pop()
            await (leave or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def respond(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
        if timeout is not None:
            headers.append((b"x-request-timeout", str(timeout).encode()))
        scope = {
            "type": "http", "method": "POST", "path": PREDICT, "raw_path": PREDICT.encode(), "query_string": b"",
            "headers": headers, "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 1), "root_path": "",
        }  # fmt: skip
        await self.app(scope, receive, respond)
        return statuses[0] if statuses else 0

    async def encoding(self) -> None:
        """Wait until the encoder stops at a long text."""
        assert await asyncio.to_thread(self.encoder.began.acquire, timeout=30)

    def run(self, scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def all_of_it() -> None:
            async with self.app.router.lifespan_context(self.app):
                self.batches.clear()
                await asyncio.wait_for(scenario(), 60)

        asyncio.run(all_of_it())


@pytest.fixture
def served(make_model: Callable[..., Model]) -> Iterator[Served]:
    batches: list[int] = []

    def run(windows: Sequence[Sequence[int]]) -> list[np.ndarray]:
        batches.append(len(windows))
        return [np.zeros(3, dtype=np.float32) for _ in windows]

    served = Served(make_model(run), batches)
    yield served
    served.encoder.go.set()


def test_short_texts_are_answered_while_long_ones_are_encoded(served: Served) -> None:
    async def scenario() -> None:
        long = [asyncio.create_task(served.post({"texts": [LONG, LONG]})) for _ in range(4)]
        await served.encoding()
        assert await served.post({"texts": SHORT}) == 200
        assert await served.post({"text": "where is my parcel", "explain": True}) == 200
        assert len(served.encoder.seen) == 1  # three requests wait for the first
        served.encoder.go.set()
        assert await asyncio.gather(*long) == [200] * 4

    served.run(scenario)


def test_the_deadline_ends_a_request_that_waits_for_a_thread(served: Served) -> None:
    async def scenario() -> None:
        first = asyncio.create_task(served.post({"texts": ["first" + LONG]}))
        await served.encoding()
        assert await served.post({"texts": ["other" + LONG]}, timeout=1.0) == 504
        served.encoder.go.set()
        assert await first == 200
        assert served.encoder.seen == ["first"]

    served.run(scenario)


def test_the_deadline_ends_a_request_whose_text_is_being_encoded(served: Served) -> None:
    async def scenario() -> None:
        asked = asyncio.create_task(served.post({"texts": [LONG, LONG]}, timeout=1.0))
        await served.encoding()
        assert await asked == 504  # while the encoder still works on the first text
        assert served.encoder.seen == ["where"]
        served.encoder.go.set()
        await asyncio.to_thread(served.app.state.service.lanes.close)  # the piece that ran is the last one
        assert served.encoder.seen == ["where"]
        assert served.batches == []
        assert await served.post({"texts": SHORT}) == 200

    served.run(scenario)


def test_a_client_that_leaves_while_its_text_is_encoded_costs_no_more_than_this_text(served: Served) -> None:
    async def scenario() -> None:
        leave = asyncio.Event()
        asked = asyncio.create_task(served.post({"texts": [LONG, LONG]}, leave=leave))
        await served.encoding()
        leave.set()
        assert await asked == 0
        served.encoder.go.set()
        await asyncio.to_thread(served.app.state.service.lanes.close)
        assert served.encoder.seen == ["where"]
        assert served.batches == []

    served.run(scenario)


@pytest.mark.parametrize(
    "body",
    [{"texts": ["parcel " * 140_000] * 8, "explain": True}, {"text": "parcel " * 140_000, "explain": True}],
    ids=["8 MB", "1 MB"],
)
def test_an_explanation_of_too_many_characters_is_refused_before_it_costs_anything(served: Served, body: Any) -> None:
    async def scenario() -> None:
        assert await served.post(body, timeout=10) == 429
        assert served.encoder.seen == []
        assert served.batches == []

    served.run(scenario)


class PyO3Panic(BaseException):
    """What Rust code raises when it panics: not an Exception."""


PyO3Panic.__module__ = "pyo3_runtime"


class PanickingTokenizer:
    """A tokenizer that panics at texts with the word `panic`."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._tokenizer, name)

        def call(texts: Any, **options: Any) -> Any:
            if "panic" in str(texts):
                raise PyO3Panic("range end index 7 out of range")
            return method(texts, **options)

        return call


@pytest.mark.parametrize("filler", ["", " parcel" * 4_000], ids=["on the event loop", "in a thread"])
def test_a_tokenizer_that_panics_fails_its_text_and_the_server_goes_on(
    make_model: Callable[..., Model],
    make_client: Callable[..., TestClient],
    make_encoder: Callable[[], Encoder],
    filler: str,
) -> None:
    model = make_model(lambda windows: [np.zeros(3, dtype=np.float32) for _ in windows])
    encoder = make_encoder()
    encoder._tokenizer = PanickingTokenizer(encoder._tokenizer)  # type: ignore[assignment]
    model.pipeline.encoder = encoder
    client = make_client({"slow": model})
    for _ in range(2):
        many = client.post(PREDICT, json={"texts": ["my parcel", "panic" + filler]})
        assert many.status_code == 200
        good, bad = many.json()["results"]
        assert good["labels"]
        assert bad["error"]["code"] == "tokenizer-failed"
        assert bad["error"]["found"] == "range end index 7 out of range"
        one = client.post(PREDICT, json={"text": "panic" + filler})
        assert (one.status_code, one.json()["code"]) == (422, "tokenizer-failed")


@pytest.fixture
def make_encoder(served_models: dict[str, Model]) -> Callable[[], Encoder]:
    """Create encoders of the `intents` bundle, one of which a test may damage."""
    bundle = served_models["intents"].bundle
    return lambda: Encoder(bundle.path / file_names.TOKENIZER, bundle.task.encoding)

from __future__ import annotations

import asyncio
import json
import logging
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from property_profiles import examples
from starlette.testclient import TestClient
from starlette.types import Message

from glossator.service.api.app import create_app
from glossator.service.api.schemas.errors import Problem
from glossator.service.api.schemas.predictions import PredictResponse
from glossator.service.api.settings import Settings
from glossator.service.inference.model import Model
from glossator.service.inference.queue.calls import Run

LABELS = ["refund", "delivery", "praise", "greeting", "complaint", "other"]
INTENTS = "/v1/models/intents/predict"
TAGS = "/v1/models/tags/predict"
JSON = {"Content-Type": "application/json"}


def any_text(max_size: int) -> st.SearchStrategy[str]:
    """Any text, often with lone surrogates, which `st.text` almost never draws."""
    character = st.characters() | st.sampled_from(["\ud800", "\udbff", "\udc00", "\udfff"])
    return st.lists(character, max_size=max_size).map("".join)


WORDS = st.sampled_from(["money", "parcel", "thanks", "the", "unheard", "🙂"])
GOOD = st.lists(WORDS, min_size=1, max_size=40).map(" ".join)
ANY_TEXT = GOOD | any_text(60)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text(10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text(8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={"text": ANY_JSON, "texts": ANY_JSON, "top_k": ANY_JSON, "threshold": ANY_JSON, "truncate": ANY_JSON},
)


def post(client: TestClient, url: str, **body: Any) -> Any:
    answer = client.post(url, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_predict_equals_a_calculation_by_hand(client: TestClient, served_models: dict[str, Model]) -> None:
    answer = post(client, INTENTS, text="Money money", top_k=6)
    exponentials = [math.exp(2), 1, 1, 1, 1, 1]  # "[CLS] money money [SEP]": (0 + 4 + 4 + 0) / 4
    expected = [value / sum(exponentials) for value in exponentials]
    assert answer["model"] == "intents"
    assert answer["version"] == served_models["intents"].digest
    (result,) = answer["results"]
    assert result["labels"] == ["refund"]
    assert [score["label"] for score in result["scores"]] == LABELS
    assert [score["score"] for score in result["scores"]] == pytest.approx(expected, abs=1e-6)
    assert (result["tokens"], result["windows"], result["truncated"]) == (2, 1, False)


def test_predict_multi_label_uses_the_thresholds_of_the_bundle_or_the_request(client: TestClient) -> None:
    (result,) = post(client, TAGS, text="thanks thanks thanks", top_k=1)["results"]
    assert result["labels"] == ["praise"]
    assert result["scores"] == [{"label": "praise", "score": pytest.approx(1 / (1 + math.exp(-12 / 5)), abs=1e-6)}]
    assert post(client, TAGS, text="thanks")["results"][0]["labels"] == []  # 0.791 < 0.8
    assert post(client, TAGS, text="thanks", threshold=0.79)["results"][0]["labels"] == ["praise"]
    assert post(client, TAGS, text="thanks", threshold=0)["results"][0]["labels"] == [
        "praise",
        *LABELS[:2],
        *LABELS[3:],
    ]


def test_predict_lists_five_scores_by_default(client: TestClient) -> None:
    assert len(post(client, INTENTS, text="money")["results"][0]["scores"]) == 5
    assert len(post(client, INTENTS, text="money", top_k=2)["results"][0]["scores"]) == 2
    assert len(post(client, INTENTS, text="money", top_k=10**30)["results"][0]["scores"]) == 6


def test_predict_reads_long_texts_completely_unless_truncate_is_set(client: TestClient) -> None:
    long = "the " * 20 + "money " * 20
    (result,) = post(client, INTENTS, text=long)["results"]
    assert (result["labels"], result["tokens"], result["windows"], result["truncated"]) == (["refund"], 40, 4, False)
    (cut,) = post(client, INTENTS, text=long, truncate=True)["results"]
    assert (cut["tokens"], cut["windows"], cut["truncated"]) == (14, 1, True)  # 16 less [CLS] and [SEP]


def test_predict_returns_an_error_as_the_result_of_a_bad_text(client: TestClient) -> None:
    answer = client.post(INTENTS, content=rb'{"texts": ["money", " ", "half \ud83d", "parcel"]}', headers=JSON)
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result.get("labels") for result in results] == [["refund"], None, None, ["delivery"]]
    assert results[1]["error"] == {
        "code": "empty-text",
        "message": "the text is empty",
        "expected": "at least one character that is not white space",
    }
    assert results[2]["error"]["code"] == "undecodable-text"
    assert results[2]["error"]["message"].endswith("at character 5")


def test_predict_answers_a_single_bad_text_with_a_problem(client: TestClient) -> None:
    for body, code in ((b'{"text": ""}', "empty-text"), (rb'{"text": "\ud800"}', "undecodable-text")):
        answer = client.post(INTENTS, content=body, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.headers["content-type"] == "application/problem+json"


def test_predict_without_texts_has_no_results(client: TestClient) -> None:
    assert post(client, INTENTS, texts=[])["results"] == []


@given(st.lists(ANY_TEXT, max_size=8))
@settings(max_examples=examples(40))
def test_predict_answers_in_order_as_each_text_alone(client: TestClient, texts: list[str]) -> None:
    answer = client.post(INTENTS, content=json.dumps({"texts": texts}).encode(), headers=JSON)
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert len(results) == len(texts)
    for text, result in zip(texts, results, strict=True):
        alone = client.post(INTENTS, content=json.dumps({"text": text}).encode(), headers=JSON)
        if "error" in result:
            assert (alone.status_code, alone.json()["code"]) == (422, result["error"]["code"])
        else:
            (expected,) = alone.json()["results"]
            assert result["labels"] == expected["labels"]
            assert (result["tokens"], result["windows"]) == (expected["tokens"], expected["windows"])
            assert [score["score"] for score in result["scores"]] == pytest.approx(
                [score["score"] for score in expected["scores"]], abs=1e-6
            )


@given(FIELDS | ANY_JSON)
def test_predict_never_fails_on_json(client: TestClient, body: object) -> None:
    answer = client.post(TAGS, content=json.dumps(body).encode(), headers=JSON)
    if answer.status_code == 200:
        PredictResponse.model_validate(answer.json())
    else:
        assert answer.status_code in (400, 422)
        Problem.model_validate(answer.json())


@given(st.binary(max_size=80) | any_text(40).map(lambda t: b'{"text": "' + t.encode("utf-8", "surrogatepass") + b'"}'))
@settings(max_examples=examples(60))
def test_predict_never_fails_on_bytes(client: TestClient, body: bytes) -> None:
    answer = client.post(INTENTS, content=body, headers=JSON)
    assert answer.status_code in (200, 400, 422)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["text"]),
        ({"text": None}, ["text"]),
        ({"text": ["money"]}, ["text"]),
        ({"texts": "money"}, ["texts"]),
        ({"texts": ["money", 1, None]}, ["texts[1]", "texts[2]"]),
        ({"text": "money", "texts": ["money"]}, ["text"]),
        ({"text": "money", "topk": 1}, ["topk"]),
        ({"text": "money", "top_k": 0}, ["top_k"]),
        ({"text": "money", "top_k": "5"}, ["top_k"]),
        ({"text": "money", "top_k": True}, ["top_k"]),
        ({"text": "money", "threshold": 1.1, "truncate": 1}, ["threshold", "truncate"]),
    ],
)
def test_predict_lists_every_invalid_field(client: TestClient, body: object, where: list[str]) -> None:
    answer = client.post(TAGS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert [fault["where"] for fault in answer.json()["faults"]] == where
    assert "texts" in answer.json()["hint"]


def test_predict_refuses_a_threshold_for_single_label_models(client: TestClient) -> None:
    answer = client.post(INTENTS, json={"text": "money", "threshold": 0.5})
    assert (answer.status_code, answer.json()["code"]) == (422, "config-error")


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"[1]", JSON, 422, "invalid-request"),
        (b"{'text': 'money'}", JSON, 400, "malformed-body"),
        (b'{"text": "\xff"}', JSON, 400, "malformed-body"),
        (b'{"text": "money", "threshold": NaN}', JSON, 400, "malformed-body"),
        (b'{"text": "money", "threshold": 1e999}', JSON, 422, "invalid-request"),
        (b'{"text": "money"}', {"Content-Type": "text/plain"}, 415, "unsupported-media-type"),
        (b'{"text": "money"}', {}, 415, "unsupported-media-type"),
        (b" " * 8 * 2**20 + b"{}", JSON, 413, "body-too-large"),
    ],
)
def test_predict_refuses_invalid_bodies(
    client: TestClient, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = client.post(INTENTS, content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    Problem.model_validate(answer.json())


def test_predict_enforces_its_limits(make_client: Callable[..., TestClient]) -> None:
    client = make_client(max_texts=2, max_characters=10, max_body_bytes=100)
    assert client.post(INTENTS, json={"texts": ["a", "b"]}).status_code == 200
    many = client.post(INTENTS, json={"texts": ["a", "b", "c"]})
    assert (many.status_code, many.json()["code"], many.json()["expected"]) == (422, "too-many-texts", "at most 2")
    results = post(client, INTENTS, texts=["money mone", "money money"])["results"]
    assert results[0]["labels"] == ["refund"]
    assert (results[1]["error"]["code"], results[1]["error"]["found"]) == ("text-too-long", "11 characters")
    assert client.post(INTENTS, json={"text": "money money"}).json()["code"] == "text-too-long"
    assert client.post(INTENTS, json={"text": " " * 100}).status_code == 413


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, "\x00" * 1_000_000, "\u202e" * 300_000, "🙂" * 300_000, "money " * 166_000, "é\u0301" * 300_000],
)
def test_predict_survives_long_and_odd_texts(client: TestClient, text: str) -> None:
    answer = client.post(INTENTS, json={"text": text})
    assert answer.status_code in (200, 422)


def test_predict_neither_returns_nor_logs_the_text(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    secret = "my card number is 4929"
    with caplog.at_level(logging.DEBUG):
        answers = [
            client.post(INTENTS, json={"text": secret}),
            client.post(INTENTS, json={"texts": [secret, 4929]}),
            client.post(INTENTS, json={"text": secret, "top_k": secret}),
            client.post(INTENTS, content=json.dumps({"text": secret + "\ud800"}).encode(), headers=JSON),
            client.post(INTENTS, content=f'{{"text": "{secret}'.encode(), headers=JSON),
        ]
    assert [answer.status_code for answer in answers] == [200, 422, 422, 422, 400]
    assert not [answer.text for answer in answers if "4929" in answer.text]
    assert "4929" not in " ".join(record.getMessage() for record in caplog.records if record.name != "httpx2")


class Gate:
    """A graph whose runs block until `open` is set; counts how many run at once."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)
        self.inside = 0
        self.most = 0
        self._lock = threading.Lock()
        self._warm = False

    def run(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        if self._warm:
            with self._lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            self.entered.release()
            assert self.open.wait(20)
            with self._lock:
                self.inside -= 1
        self._warm = True
        return np.zeros((len(windows), len(LABELS)), dtype=np.float32)


def test_predict_keeps_the_event_loop_free_and_limits_parallel_runs(
    make_client: Callable[..., TestClient], make_model: Callable[[Run], Model]
) -> None:
    gate = Gate()
    client = make_client({"slow": make_model(gate.run)})
    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(client.post, "/v1/models/slow/predict", json={"text": "money"}) for _ in range(6)]
        try:
            assert gate.entered.acquire(timeout=10)
            assert gate.entered.acquire(timeout=10)
            assert client.get("/livez").status_code == 200  # both workers are busy
            assert not gate.entered.acquire(timeout=0.3)
        finally:
            gate.open.set()
        assert [future.result().status_code for future in futures] == [200] * 6
    assert gate.most == 2


def test_predict_drops_late_work_before_it_runs(
    make_client: Callable[..., TestClient], make_model: Callable[[Run], Model]
) -> None:
    gate = Gate()
    client = make_client({"slow": make_model(gate.run)})
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(client.post, "/v1/models/slow/predict", json={"text": "money"}) for _ in range(2)]
        try:
            assert gate.entered.acquire(timeout=10)
            assert gate.entered.acquire(timeout=10)
            late = pool.submit(
                client.post, "/v1/models/slow/predict", json={"text": "late"}, headers={"X-Request-Timeout": "0.2"}
            )
            answer = late.result(30)  # while both workers are busy
        finally:
            gate.open.set()
        assert [future.result().status_code for future in running] == [200, 200]
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline-exceeded")
    assert answer.json()["hint"]
    assert not gate.entered.acquire(timeout=0.1)


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan"])
def test_predict_refuses_an_invalid_timeout(client: TestClient, seconds: str) -> None:
    answer = client.post(INTENTS, json={"text": "money"}, headers={"X-Request-Timeout": seconds})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert "x-request-timeout" in answer.json()["faults"][0]["where"]


def test_predict_drops_the_work_of_a_disconnected_client(make_model: Callable[[Run], Model]) -> None:
    gate = Gate()
    app = create_app({"slow": make_model(gate.run)}, Settings())
    statuses: list[int] = []

    async def send_request(leaves: asyncio.Event) -> None:
        body: list[Message] = [{"type": "http.request", "body": b'{"text": "money"}', "more_body": False}]

        async def receive() -> Message:
            if body:
                return body.pop()
            await leaves.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
        path = "/v1/models/slow/predict"
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": headers, "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 1), "root_path": "",
        }  # fmt: skip
        await app(scope, receive, send)

    async def scenario() -> None:
        async with app.router.lifespan_context(app):
            stay, leave = asyncio.Event(), asyncio.Event()
            running = [asyncio.ensure_future(send_request(stay)) for _ in range(2)]
            for _ in running:
                assert await asyncio.to_thread(gate.entered.acquire, timeout=10)
            waiting = asyncio.ensure_future(send_request(leave))
            await asyncio.sleep(0.3)
            leave.set()
            await asyncio.wait_for(waiting, 10)  # it ends while both workers are busy
            gate.open.set()
            await asyncio.gather(*running)

    asyncio.run(scenario())
    assert statuses == [200, 200]
    assert not gate.entered.acquire(timeout=0.1)


def test_predict_never_returns_nan(make_client: Callable[..., TestClient], make_model: Callable[[Run], Model]) -> None:
    class Broken:
        def run(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
            return np.full((len(windows), len(LABELS)), np.nan, dtype=np.float32)

    answer = make_client({"broken": make_model(Broken().run)}).post("/v1/models/broken/predict", json={"text": "money"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")

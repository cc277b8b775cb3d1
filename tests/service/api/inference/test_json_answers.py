"""Large answers: the same JSON as `json.dumps` writes, in pieces that hold nobody up."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from glossator.service.api.inference.json_answers import WholeJson, json_chunks, json_pieces, split_chunks

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(VALUES)
def test_pieces_are_the_json_of_the_content(content: Any) -> None:
    assert json.loads("".join(json_pieces(content))) == content
    assert json.loads("".join(json_pieces({"rows": iter([content, content])}))) == {"rows": [content, content]}
    assert json.loads("".join(json_pieces({"a": 1, "row": WholeJson(lambda: content)}))) == {"a": 1, "row": content}


def test_no_piece_is_large() -> None:
    content = {"rows": ([{"label": f"label {number}", "score": 0.5} for number in range(1_500)] for _ in range(3))}
    pieces = list(json_pieces(content))
    assert max(map(len, pieces)) < 20_000
    assert len(json.loads("".join(pieces))["rows"][2]) == 1_500
    assert "".join(json_pieces(iter(()))) == "[]"


def test_chunks_are_the_same_bytes() -> None:
    chunks = json_chunks(iter(["x" * 1_000] * 500), 10_000_000)
    assert len(chunks) > 5
    assert json.loads(b"".join(chunks)) == ["x" * 1_000] * 500
    data = bytes(range(256)) * 1_000
    parts = split_chunks([data, b"", b"end"])
    assert b"".join(parts) == data + b"end"
    assert max(map(len, parts)) <= 65_536


def test_nan_is_never_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        list(json_pieces([float("nan")]))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/rerank", {"query": "a", "documents": [{"\ud800": "a"}], "rank_fields": ["\udc00"]}),
        ("/v1/rerank", {"model": "intents", "query": "a", "documents": ["a"], "\ud800": 1}),
        ("/tei/intents/predict", {"inputs": "thanks", "\ud800": 1}),
        ("/hf/intents", {"inputs": "thanks", "parameters": {"\ud800": 1}}),
        ("/v2/models/intents/infer", {"id": "\ud800", "inputs": [
            {"name": "\ud800", "shape": [1], "datatype": "BYTES", "data": ["a"], "parameters": {"\ud800": 1}}]}),
        ("/v2/models/intents/infer", {"inputs": [
            {"name": "\ud800", "shape": [1], "datatype": "BYTES", "data": ["a"],
             "parameters": {"content_type": "\ud800"}}]}),
        ("/v1/models/intents:predict", {"instances": [{"\ud800": "a"}]}),
        ("/v1/embeddings", {"input": [{"\ud800": "a"}], "model": "\ud800"}),
        ("/label-studio/intents/predict", {"tasks": [{"data": {"text": "a"}}], "label_config": "<View>\ud800</View>"}),
        ("/cohere/v2/embed", {"inputs": [{"content": [{"type": "\ud800"}]}], "model": "intents"}),
    ],
)  # fmt: skip
def test_names_that_utf8_cannot_encode_break_nothing(client: TestClient, path: str, body: Any) -> None:
    content = json.dumps(body)
    answer = client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code < 500, answer.text
    answer.json()


@pytest.mark.parametrize(
    ("path", "body", "rows"),
    [
        ("/tei/intents/predict", lambda texts: {"inputs": [[text] for text in texts]}, lambda found: found),
        ("/hf/intents", lambda texts: {"inputs": texts}, lambda found: found),
        ("/cohere/v1/classify", lambda texts: {"model": "intents", "inputs": texts},
         lambda found: found["classifications"]),
        ("/v1/models/intents:predict", lambda texts: {"instances": texts}, lambda found: found["predictions"]),
        ("/label-studio/intents/predict", lambda texts: {"tasks": [{"data": {"text": text}} for text in texts]},
         lambda found: found["results"]),
        ("/v2/models/intents/infer", lambda texts: {"inputs": [
            {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}]},
         lambda found: found["outputs"][0]["data"]),
    ],
)  # fmt: skip
def test_large_and_small_answers_are_the_same(
    client: TestClient, path: str, body: Callable[[list[str]], Any], rows: Callable[[Any], list[Any]]
) -> None:
    texts = ["thanks", "where is my money"] * 450  # 900 texts of 6 labels
    large = client.post(path, json=body(texts))
    assert large.status_code == 200, large.text[:500]
    assert large.headers["content-type"] == "application/json"
    found = rows(large.json())
    assert len(found) == 900
    small = rows(client.post(path, json=body(texts[:2])).json())
    for place, each in enumerate(found):
        expected = small[place % 2]
        if isinstance(each, dict):
            each, expected = {**each, "id": 0}, {**expected, "id": 0}
        assert each == expected or each == pytest.approx(expected)


def test_encoding_in_a_thread_lets_others_run() -> None:
    rows = ([{"label": str(number), "score": number / 7} for number in range(1_500)] for _ in range(200))
    done = threading.Event()

    def work() -> None:
        json_chunks(rows, 100_000_000)
        done.set()

    thread = threading.Thread(target=work)
    turns = 0
    thread.start()
    while not done.is_set():
        time.sleep(0.001)
        turns += 1
    thread.join()
    assert turns > 10  # json.dumps of all rows holds the lock: one or two turns

"""Requests as programs send them that cannot be installed here, and what these programs read from the answers.

The bodies and the fields that are read follow the public sources of Open WebUI (external reranker, OpenAI engine), Dify
(OpenAI-compatible rerank, text-embeddings-inference) and RAGFlow (Hugging Face, Jina and Xinference).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from servers import HTTP, Server

from .conftest import PAIR, TEXTS

Native = Callable[..., list[dict[str, Any]]]
pytestmark = pytest.mark.slow
MODEL = "text-embedding"
RERANK = {"model": MODEL, "query": PAIR[0], "documents": TEXTS, "top_n": len(TEXTS)}


def post(running: Server, path: str, body: dict[str, Any], **headers: str) -> Any:
    answer = HTTP.post(f"{running.url}{path}", json=body, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def vectors(native: Native) -> Any:
    return np.array([each["embedding"] for each in native(MODEL, TEXTS)])


@pytest.fixture
def scores(running: Server) -> list[float]:
    """The relevance of each document, in the order of the documents."""
    body = {"query": PAIR[0], "documents": TEXTS}
    ranked = post(running, f"/v1/models/{MODEL}/rerank", body)["results"]
    return [max(0.0, each["score"]) for each in sorted(ranked, key=lambda each: int(each["index"]))]


def test_open_webui(running: Server, vectors: Any, scores: list[float]) -> None:
    headers = {"Authorization": "Bearer none", "X-OpenWebUI-User-Name": "A%20B", "X-OpenWebUI-User-Role": "user"}
    found = post(running, "/v1/embeddings", {"input": TEXTS, "model": MODEL, "input_type": "passage"}, **headers)
    assert np.allclose([each["embedding"] for each in found["data"]], vectors, atol=1e-6)
    ranked = post(running, "/v1/rerank", RERANK, **headers)
    in_order = sorted(ranked["results"], key=lambda each: int(each["index"]))
    assert [each["relevance_score"] for each in in_order] == scores


def test_dify(running: Server, vectors: Any, scores: list[float]) -> None:
    ranked = post(running, "/v1/rerank", RERANK, Authorization="")
    assert {each["index"]: each["relevance_score"] for each in ranked["results"]} == dict(enumerate(scores))
    info = HTTP.get(f"{running.url}/tei/{MODEL}/info").json()
    assert list(info["model_type"]) == ["embedding"]
    assert info["max_input_length"] > 0
    assert info["max_client_batch_size"] > 0
    assert list(HTTP.get(f"{running.url}/tei/text-pair-score/info").json()["model_type"]) == ["reranker"]
    tokens = post(running, f"/tei/{MODEL}/tokenize", {"inputs": TEXTS})
    assert all(len(each) > 0 for each in tokens)
    found = post(running, f"/tei/{MODEL}/v1/embeddings", {"input": TEXTS})
    assert np.allclose([each["embedding"] for each in found["data"]], vectors, atol=1e-6)
    assert found["usage"]["total_tokens"] > 0
    pairs = post(running, "/tei/text-pair-score/rerank", {"query": PAIR[0], "texts": TEXTS})
    assert sorted(each["index"] for each in pairs) == [0, 1, 2]


def test_ragflow(running: Server, vectors: Any, scores: list[float]) -> None:
    found = post(running, f"/tei/{MODEL}/embed", {"inputs": TEXTS, "normalize": True, "truncate": True})
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.allclose(found, unit, atol=1e-6)
    ranked = post(
        running, f"/tei/{MODEL}/rerank", {"query": PAIR[0], "texts": TEXTS, "raw_scores": False, "truncate": True}
    )
    assert {each["index"]: each["score"] for each in ranked} == dict(enumerate(scores))
    jina = post(running, "/v1/rerank", RERANK)
    assert jina["usage"]["total_tokens"] > 0
    xinference = post(
        running,
        "/v1/rerank",
        {"model": MODEL, "query": PAIR[0], "return_documents": "true", "return_len": "true", "documents": TEXTS},
    )
    assert {each["index"]: each["relevance_score"] for each in xinference["results"]} == dict(enumerate(scores))
    assert all(each["document"]["text"] == TEXTS[each["index"]] for each in xinference["results"])


def test_litellm(running: Server, vectors: Any) -> None:
    body = {"model": MODEL, "input": TEXTS, "encoding_format": None, "drop_params": True, "user": "me", "timeout": 600}
    found = post(running, "/v1/embeddings", body)
    assert np.allclose([each["embedding"] for each in found["data"]], vectors, atol=1e-6)
    cohere = post(running, "/v2/rerank", RERANK | {"rank_fields": None, "max_chunks_per_doc": None})
    assert len(cohere["results"]) == len(TEXTS)

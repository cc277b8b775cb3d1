"""Cohere's own client, version 7, and the requests of Cohere's and Jina's other clients. Version 5: tests/interop."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import cohere
import httpx
import numpy as np
import pytest
from cohere.core.api_error import ApiError
from servers import HTTP, Server

from .conftest import PAIR, TEXTS

Native = Callable[..., list[dict[str, Any]]]
pytestmark = pytest.mark.slow


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """Cohere's client does not close its connections by itself."""
    with httpx.Client(timeout=30) as made:
        yield made


@pytest.fixture
def v1(running: Server, http: httpx.Client) -> cohere.Client:
    return cohere.Client(api_key="none", base_url=f"{running.url}/cohere", httpx_client=http)


@pytest.fixture
def v2(running: Server, http: httpx.Client) -> cohere.ClientV2:
    return cohere.ClientV2(api_key="none", base_url=f"{running.url}/cohere", httpx_client=http)


@pytest.fixture
def ranking(running: Server) -> list[tuple[int, float]]:
    """The index and the score of each document, from the native route."""
    body = {"query": PAIR[0], "documents": TEXTS}
    results = HTTP.post(f"{running.url}/v1/models/text-embedding/rerank", json=body).json()["results"]
    return [(each["index"], min(1.0, max(0.0, each["score"]))) for each in results]


def test_ranking_is_that_of_the_native_route(
    v1: cohere.Client, v2: cohere.ClientV2, ranking: list[tuple[int, float]]
) -> None:
    newer = v2.rerank(model="text-embedding", query=PAIR[0], documents=TEXTS, top_n=2)
    assert [(each.index, each.relevance_score) for each in newer.results] == ranking[:2]
    documents: Any = [{"text": text, "id": str(number)} for number, text in enumerate(TEXTS)]
    older = v1.rerank(model="text-embedding", query=PAIR[0], documents=documents, return_documents=True)
    assert [(each.index, each.relevance_score) for each in older.results] == ranking
    assert [each.document.text for each in older.results if each.document] == [TEXTS[index] for index, _ in ranking]
    with pytest.raises(ApiError) as caught:
        v2.rerank(model="intents", query=PAIR[0], documents=TEXTS)
    assert caught.value.status_code == 422
    assert "text-pair or a text-embedding" in str(caught.value.body)


def test_rank_fields_are_joined_in_their_order(running: Server, ranking: list[tuple[int, float]]) -> None:
    halves = [text.split(" ", 1) for text in TEXTS]
    documents = [{"body": rest, "title": first} for first, rest in halves]
    body = {"model": "text-embedding", "query": PAIR[0], "documents": documents, "rank_fields": ["title", "body"]}
    found = HTTP.post(f"{running.url}/cohere/v1/rerank", json=body).json()["results"]
    assert [(each["index"], each["relevance_score"]) for each in found] == ranking  # a line break is white space
    answer = HTTP.post(f"{running.url}/cohere/v1/rerank", json=body | {"rank_fields": None})
    assert (answer.status_code, "[0]: has no text in text" in answer.json()["message"]) == (422, True)


def test_jina_and_cohere_rerank_at_the_root(running: Server, ranking: list[tuple[int, float]]) -> None:
    body = {"model": "text-embedding", "query": PAIR[0], "documents": TEXTS, "max_chunks_per_doc": None}
    jina = HTTP.post(f"{running.url}/v1/rerank", json=body)
    assert jina.headers["X-Ignored-Fields"] == "max_chunks_per_doc"
    assert [(each["index"], each["document"]["text"]) for each in jina.json()["results"]] == [
        (index, TEXTS[index]) for index, _ in ranking
    ]
    counted = {"inputs": [PAIR[0], *TEXTS], "add_special_tokens": False}
    tokens = sum(map(len, HTTP.post(f"{running.url}/tei/text-embedding/tokenize", json=counted).json()))
    assert jina.json()["usage"]["total_tokens"] == tokens
    plain = HTTP.post(f"{running.url}/v1/rerank", json=body | {"return_documents": False, "top_n": 1}).json()
    assert plain["results"] == [{"index": ranking[0][0], "relevance_score": ranking[0][1]}]
    second = HTTP.post(f"{running.url}/v2/rerank", json=body).json()
    assert [(each["index"], each["relevance_score"]) for each in second["results"]] == ranking
    unnamed = HTTP.post(f"{running.url}/v1/rerank", json=body | {"model": None})  # three models can rank
    assert (unnamed.status_code, "3 models that fit" in unnamed.json()["detail"]) == (422, True)


def test_ratings_become_scores_from_0_to_1(v2: cohere.ClientV2, running: Server) -> None:
    found = v2.rerank(model="text-pair-score", query=PAIR[0], documents=TEXTS)
    body = {"query": PAIR[0], "texts": TEXTS, "raw_scores": True}
    raw = HTTP.post(f"{running.url}/tei/text-pair-score/rerank", json=body).json()
    assert [each.relevance_score for each in found.results] == pytest.approx(
        [1 / (1 + np.exp(-each["score"])) for each in raw]
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in cohere's client
def test_vectors_are_those_of_the_native_route(v1: cohere.Client, v2: cohere.ClientV2, native: Native) -> None:
    expected = np.array([each["embedding"] for each in native("text-embedding", TEXTS)], dtype=np.float32)
    plain: Any = v1.embed(texts=TEXTS, model="text-embedding", input_type="search_query", truncate="NONE")
    assert plain.response_type == "embeddings_floats"
    assert np.allclose(plain.embeddings, expected, atol=1e-7)
    typed: Any = v1.embed(texts=TEXTS, model="text-embedding", embedding_types=["float"])
    assert np.allclose(typed.embeddings.float_, expected, atol=1e-7)
    newer: Any = v2.embed(
        texts=TEXTS, model="text-embedding", input_type="search_document", embedding_types=["float", "base64"]
    )
    assert np.allclose(newer.embeddings.float_, expected, atol=1e-7)
    packed = [np.frombuffer(base64.b64decode(each), dtype="<f4") for each in newer.embeddings.base64]
    assert np.array_equal(packed, expected)
    assert newer.meta.billed_units.input_tokens == sum(each["tokens"] for each in native("text-embedding", TEXTS))
    parts: Any = [{"content": [{"type": "text", "text": text}]} for text in TEXTS]
    mixed: Any = v2.embed(
        inputs=parts, model="text-embedding", input_type="classification", embedding_types=["float"], output_dimension=4
    )
    assert np.allclose(np.linalg.norm(mixed.embeddings.float_, axis=1), 1.0, atol=1e-6)
    assert np.shape(mixed.embeddings.float_) == (3, 4)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"texts": ["a"], "embedding_types": ["int8"]}, "embedding_types[0]: must be one of: float, base64"),
        ({"texts": ["a"], "embedding_types": ["ubinary"]}, "embedding_types[0]: must be one of: float, base64"),
        ({"texts": ["a"], "truncate": "START"}, "truncate: must be one of: NONE, END"),
        ({"images": ["data:..."]}, "images: is not supported by this server"),
        ({"inputs": [{"content": [{"type": "image_url"}]}]}, "inputs[0].content[0]: must be a text"),
        ({}, "texts or inputs"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(running: Server, body: dict[str, Any], message: str) -> None:
    answer = HTTP.post(f"{running.url}/cohere/v2/embed", json=body | {"model": "text-embedding"})
    assert answer.status_code == 422
    assert message in answer.json()["message"]


def test_the_only_model_that_fits_needs_no_name(running: Server, native: Native) -> None:
    found = HTTP.post(f"{running.url}/cohere/v1/embed", json={"texts": TEXTS}).json()["embeddings"]
    assert np.allclose(found, [each["embedding"] for each in native("text-embedding", TEXTS)], atol=1e-7)


def test_labels_are_those_of_the_native_route(v1: cohere.Client, native: Native) -> None:
    for model in ("intents", "tags"):
        expected = native(model, TEXTS, top_k=6)
        found = v1.classify(model=model, inputs=TEXTS)
        assert [list(each.predictions) for each in found.classifications] == [each["labels"] for each in expected]
        for each, theirs in zip(found.classifications, expected, strict=True):
            assert {name: one.confidence for name, one in each.labels.items()} == {
                score["label"]: score["score"] for score in theirs["scores"]
            }
            assert each.classification_type == ("single-label" if model == "intents" else "multi-label")
    with pytest.raises(ApiError):
        v1.classify(model="nothing", inputs=TEXTS)
    with pytest.raises(ApiError, match="examples"):
        v1.classify(model="intents", inputs=TEXTS, examples=[cohere.ClassifyExample(text="a", label="b")])

"""Cohere's own client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cohere
import httpx
import pytest
from cohere.core.api_error import ApiError
from servers import Server

from .conftest import PAIR, TEXTS

pytestmark = pytest.mark.slow


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """Cohere's client does not close its connections by itself."""
    with httpx.Client(timeout=30) as made:
        yield made


def test_ranking_is_that_of_the_native_route(running: Server, http: httpx.Client) -> None:
    client = cohere.ClientV2(api_key="none", base_url=f"{running.url}/cohere", httpx_client=http)
    native = httpx.post(
        f"{running.url}/v1/models/text-embedding/rerank", json={"query": PAIR[0], "documents": TEXTS}
    ).json()["results"]
    found = client.rerank(model="text-embedding", query=PAIR[0], documents=TEXTS, top_n=2)
    assert [(each.index, each.relevance_score) for each in found.results] == [
        (each["index"], each["score"]) for each in native[:2]
    ]
    with pytest.raises(ApiError) as caught:
        client.rerank(model="intents", query=PAIR[0], documents=TEXTS)
    assert caught.value.status_code == 422
    assert "text-pair or a text-embedding" in str(caught.value.body)


def test_labels_are_those_of_the_native_route(
    running: Server, http: httpx.Client, native: Callable[..., list[dict[str, Any]]]
) -> None:
    client = cohere.Client(api_key="none", base_url=f"{running.url}/cohere", httpx_client=http)
    for model in ("intents", "tags"):
        expected = native(model, TEXTS, top_k=6)
        found = client.classify(model=model, inputs=TEXTS)
        assert [list(each.predictions) for each in found.classifications] == [each["labels"] for each in expected]
        for each, theirs in zip(found.classifications, expected, strict=True):
            assert {name: one.confidence for name, one in each.labels.items()} == {
                score["label"]: score["score"] for score in theirs["scores"]
            }
            assert each.classification_type == ("single-label" if model == "intents" else "multi-label")
    with pytest.raises(ApiError):
        client.classify(model="nothing", inputs=TEXTS)

"""OpenAI's own client: vectors and the list of models."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import openai
import pytest
from servers import HTTP, Server

from .conftest import TEXTS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(running: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("form", ["base64", "float"])
def test_vectors_are_those_of_the_native_route(
    client: openai.OpenAI, native: Callable[..., list[dict[str, Any]]], form: Any
) -> None:
    expected = native("text-embedding", TEXTS)
    found = client.embeddings.create(model="text-embedding", input=TEXTS, encoding_format=form)
    rows: Any = [each.embedding for each in found.data]
    if form == "base64":
        rows = [np.frombuffer(base64.b64decode(row), dtype="<f4") for row in rows]
    assert np.allclose(np.array(rows), [each["embedding"] for each in expected], atol=1e-7)
    assert found.usage.total_tokens == sum(each["tokens"] for each in expected)
    assert [each.index for each in found.data] == [0, 1, 2]


def test_client_unpacks_what_it_asks_for_by_default(client: openai.OpenAI) -> None:
    found = client.embeddings.create(model="text-embedding", input=TEXTS[0], dimensions=4)
    assert np.linalg.norm(found.data[0].embedding) == pytest.approx(1.0, abs=1e-6)
    assert len(found.data[0].embedding) == 4


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert {"intents", "text-embedding"} <= {each.id for each in client.models.list()}
    assert client.models.retrieve("intents").owned_by == "glossator"


def test_errors_are_those_that_the_client_knows(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no model has this name"):
        client.embeddings.create(model="nothing", input="a")
    with pytest.raises(openai.UnprocessableEntityError, match="returns no embeddings"):
        client.embeddings.create(model="intents", input="a")
    with pytest.raises(openai.UnprocessableEntityError, match="token ids"):
        client.embeddings.create(model="text-embedding", input=[[1, 2, 3]])
    with pytest.raises(openai.UnprocessableEntityError, match="the text is empty"):
        client.embeddings.create(model="text-embedding", input=["a", " "])
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nothing")


def test_fields_of_other_clients_are_accepted(client: openai.OpenAI, running: Server) -> None:
    expected = client.embeddings.create(model="text-embedding", input=TEXTS, encoding_format="float").data
    bodies: list[dict[str, Any]] = [
        {"model": "text-embedding", "input": TEXTS, "encoding_format": None, "dimensions": None},
        {"model": "text-embedding", "input": TEXTS, "user": "me", "drop_params": True, "input_type": "query"},
        {"input": TEXTS},  # a single model embeds
        {
            "model": "",
            "input": [{"text": text} for text in TEXTS],
            "embedding_type": "float",
            "task": "retrieval.query",
        },
    ]
    ignored = [None, "user, drop_params, input_type", None, "task"]
    for body, names in zip(bodies, ignored, strict=True):
        answer = HTTP.post(f"{running.url}/v1/embeddings/", json=body)
        assert [each["embedding"] for each in answer.json()["data"]] == [each.embedding for each in expected]
        assert answer.headers.get("X-Ignored-Fields") == names


def test_what_is_not_supported_is_refused_by_name(running: Server) -> None:
    for body, message in (
        ({"input": [[1, 2]]}, "check_embedding_ctx_length=False"),
        ({"input": [{"image": "..."}]}, "[0]: has no text in text"),
        ({"input": "a", "embedding_type": "binary"}, "embedding_type: must be one of: float, base64"),
        ({"input": "a", "dimensions": 10_000}, "the vectors have fewer dimensions"),
    ):
        answer = HTTP.post(f"{running.url}/v1/embeddings", json=body)
        assert answer.status_code == 422
        assert message in answer.json()["error"]["message"], message

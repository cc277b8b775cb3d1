"""OpenAI's own client: vectors and the list of models."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import openai
import pytest
from servers import Server

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

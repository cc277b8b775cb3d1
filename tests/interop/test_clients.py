"""Frameworks for retrieval talk to the server through their own clients, and get the answers of the native routes.

The clients are in an environment of their own, which `make interop` creates; GLOSSATOR_CLIENTS names its Python.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from servers import Server, environment, server
from vote_bundle import vote_bundle

from .client_calls import EMBEDDER, QUERY, TEXTS

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("client_calls.py")


@pytest.fixture(scope="module")
def python() -> str:
    """The Python of the clients' environment."""
    named = os.environ.get("GLOSSATOR_CLIENTS")
    if not named:
        pytest.skip("GLOSSATOR_CLIENTS names no Python with the clients; `make interop` installs them")
    return named


@pytest.fixture(scope="module")
def running(task_bundle: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An embedding model, which the clients at the root use, and the classifier `intents`."""
    intents = vote_bundle(tmp_path_factory.mktemp("bundles") / "intents", "single_label_classification")
    root: Any = "text-embeddings-inference"
    with server(task_bundle(EMBEDDER), intents, queue_seconds=30, root_dialect=root) as made:
        yield made


@pytest.fixture
def call(python: str, running: Server) -> Callable[[str], Any]:
    variables = environment({}) | {"HF_HUB_OFFLINE": "0"}  # offline, Hugging Face's client asks no server at all

    def run(name: str) -> Any:
        command = [python, SCRIPT, name, running.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize(
    "client",
    ["haystack_tei", "haystack_openai", "langchain_openai", "langchain_cohere", "llama_index_tei", "cohere_5"],
)
def test_a_client_gets_the_answers_of_the_native_routes(
    call: Callable[[str], Any], running: Server, client: str
) -> None:
    models = f"{running.url}/v1/models"
    found = call(client)
    results = httpx.post(f"{models}/{EMBEDDER}/predict", json={"texts": [QUERY, *TEXTS]}).json()["results"]
    query, *vectors = [each["embedding"] for each in results]
    assert np.allclose(found["query"], query, atol=1e-6)
    if "vectors" in found:
        assert np.allclose(found["vectors"], vectors, atol=1e-6)
    if "ranking" in found:
        ranked = httpx.post(f"{models}/{EMBEDDER}/rerank", json={"query": QUERY, "documents": TEXTS}).json()["results"]
        expected = [[each["index"], max(0.0, each["score"])] for each in ranked[:2]]
        assert np.allclose(found["ranking"], expected, atol=1e-6)
    if "labels" in found:
        native = httpx.post(f"{models}/intents/predict", json={"texts": TEXTS}).json()["results"]
        assert found["labels"] == [each["labels"] for each in native]
        assert found["rankings_agree"]

"""Loaded models of the test bundles, and clients of apps that serve them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from glossator.service.api.app import create_app
from glossator.service.api.settings import Settings
from glossator.service.bundle import file_names
from glossator.service.inference.encoding import Encoder
from glossator.service.inference.model import Model, load
from glossator.service.inference.pipeline import Pipeline
from glossator.service.inference.queue.batching import Batcher
from glossator.service.inference.queue.calls import Run
from glossator.service.inference.runtime.session import Session


@pytest.fixture(scope="session")
def served_models(bundles: dict[str, Path]) -> dict[str, Model]:
    return {name: load(path, threads=1) for name, path in bundles.items()}


@pytest.fixture
def make_client(served_models: dict[str, Model]) -> Iterator[Callable[..., TestClient]]:
    """Create clients of apps with these settings. The apps run until the end of the test."""
    clients: list[TestClient] = []

    def make(models: Mapping[str, Model] | None = None, **settings: object) -> TestClient:
        app = create_app(models or served_models, Settings(**settings))
        clients.append(TestClient(app, base_url="http://127.0.0.1:8000"))
        return clients[-1].__enter__()

    yield make
    for client in reversed(clients):
        client.__exit__(None, None, None)


@pytest.fixture(scope="session")
def make_model(bundles: dict[str, Path], served_models: dict[str, Model]) -> Callable[[Run], Model]:
    """Create a model of the `intents` bundle in which `run` replaces ONNX Runtime."""
    bundle = served_models["intents"].bundle
    encoder = Encoder(bundle.path / file_names.TOKENIZER, bundle.task.encoding)

    def make(run: Run) -> Model:
        batcher = Batcher(run, workers=2)
        session = Session(bundle.path / file_names.GRAPH_FP32)
        return Model(bundle, Pipeline(encoder, batcher, bundle.task), batcher, session)

    return make


@pytest.fixture(scope="module")
def client(served_models: dict[str, Model]) -> Iterator[TestClient]:
    """A client of an app with default settings, shared by the tests of a module."""
    with TestClient(create_app(served_models, Settings()), base_url="http://127.0.0.1:8000") as client:
        yield client

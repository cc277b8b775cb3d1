"""One server in a process of its own, with a model of every task: what the clients of other servers talk to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import HTTP, Server, server

KINDS = ("token-classification", "text-pair", "text-pair-score", "question-answering", "text-embedding")
TEXTS = ["the parcel came on monday", "thanks for the money", "where is my box today"]
PAIR = ("where is my parcel", "the parcel came on monday")


@pytest.fixture(scope="session")
def running(bundles: dict[str, Path], task_bundle: Callable[[str], Path]) -> Iterator[Server]:
    """Models: `intents`, `tags`, and one named as each kind of KINDS."""
    with server(*bundles.values(), *(task_bundle(kind) for kind in KINDS), queue_seconds=30) as made:
        yield made


@pytest.fixture(scope="session")
def native(running: Server) -> Callable[..., list[dict[str, Any]]]:
    """The results of our own route: what every dialect must say in its words."""

    def ask(model: str, texts: list[str], **options: Any) -> list[dict[str, Any]]:
        answer = HTTP.post(f"{running.url}/v1/models/{model}/predict", json={"texts": texts} | options, timeout=30)
        assert answer.status_code == 200, answer.text
        results: list[dict[str, Any]] = answer.json()["results"]
        return results

    return ask

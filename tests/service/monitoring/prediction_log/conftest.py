"""Answers of a small model, as they are logged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from glossator.service.inference.model import Model, load
from glossator.service.monitoring.prediction_log.records import Served
from glossator.service.monitoring.prediction_log.settings import LogSettings


@pytest.fixture(scope="session")
def intents(bundles: dict[str, Path]) -> Model:
    return load(bundles["intents"], threads=1)


@pytest.fixture
def make_served(intents: Model) -> Callable[..., Served]:
    """Make the answers to some texts."""

    def make(*texts: str, request: str = "r1", time: float = 1_767_323_045.5, model: str = "intents") -> Served:
        return Served(
            time=time,
            request=request,
            model=model,
            version=None,
            digest=intents.digest,
            route="/v1/models/{name}/predict",
            key="local",
            seconds=0.0123456789,
            texts=list(texts),
            answers=intents.pipeline.predict(list(texts)),
        )

    return make


@pytest.fixture
def settings(tmp_path: Path) -> LogSettings:
    return LogSettings(folder=tmp_path / "log", texts=True, free_bytes=0)

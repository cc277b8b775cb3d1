"""Two real bundles on disk, of the table of votes in tests/support."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from votes import vote_bundle


@pytest.fixture(scope="session", autouse=True)
def _no_settings_around() -> Iterator[None]:
    """Settings of the shell that runs the tests are not those of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GLOSSATOR_") and name not in KEPT]:
            patch.delenv(name)
        yield


KEPT = ("GLOSSATOR_CACHE_DIR", "GLOSSATOR_REQUIRE_POSTGRES")


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundle folders by name: `intents` is single-label, `tags` is multi-label with thresholds."""
    root = tmp_path_factory.mktemp("bundles")
    return {
        "intents": vote_bundle(root / "intents", "single_label_classification"),
        "tags": vote_bundle(root / "tags", "multi_label_classification"),
    }

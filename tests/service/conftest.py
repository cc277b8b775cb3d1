"""Two real bundles on disk, made from the table of votes in tests/support."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from vote_bundle import vote_bundle


@pytest.fixture(scope="session", autouse=True)
def _without_settings_of_the_shell() -> Iterator[None]:
    """Remove the settings of the shell that runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GLOSSATOR_") and name not in PASSED_ON]:
            patch.delenv(name)
        yield


PASSED_ON = ("GLOSSATOR_CACHE_DIR", "GLOSSATOR_REQUIRE_POSTGRES")


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundle folders by name: `intents` has one label per text, `tags` any number, with thresholds."""
    root = tmp_path_factory.mktemp("bundles")
    return {
        "intents": vote_bundle(root / "intents", "single_label_classification"),
        "tags": vote_bundle(root / "tags", "multi_label_classification"),
    }

"""A real Chromium, and a server with one model for each kind of answer that a page shows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import Server, server
from visits import Visit
from vote_bundle import vote_bundle

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next((found for program in PROGRAMS if (found := shutil.which(program))), None)
"""The first without the parts that only a window shows: a page opens in a fifth of the time."""
KINDS = ("token-classification", "question-answering", "text-pair-score", "text-embedding")


# Not the session's scope: Playwright's event loop runs in this thread, where no other test could run one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        if os.environ.get("GLOSSATOR_REQUIRE_BROWSER"):
            pytest.fail("Chromium is not installed, and GLOSSATOR_REQUIRE_BROWSER is set")
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def running(task_bundle: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("pages")
    bundles = [
        vote_bundle(root / "intents", "single_label_classification"),
        vote_bundle(root / "tags", "multi_label_classification"),
        *(task_bundle(kind) for kind in KINDS),
    ]
    with server(*bundles, jobs=root / "jobs", free_disk_bytes=0) as running:
        yield running


@pytest.fixture
def visit(browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visit]]:
    visits: list[Visit] = []

    def start(url: str | None = None, **options: Any) -> Visit:
        # The server of `running` takes long to make; tests with a server of their own do without it.
        visits.append(Visit(browser, url or request.getfixturevalue("running").url, **options))
        return visits[-1]

    yield start
    for each in visits:
        each.context.close()
        assert each.errors == []
        assert each.foreign == []

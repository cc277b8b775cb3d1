"""A hub on this machine, and what the tests of push and pull share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from local_hub import OWNER_TOKEN, LocalHub, local_hub, use_hub
from vote_bundle import vote_bundle

from glossator.service.bundle.reader import read_manifest
from glossator.service.bundle.writer import list_files, write_manifest
from glossator.workflows.reporter import Reporter
from glossator.workflows.run_records import RunStore


class Lines(Reporter):
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def stage(self, line: str) -> None:
        self.lines.append(line)

    def detail(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tried: Path) -> Iterator[LocalHub]:
    """An empty hub; this process has a token of the owner `owner`."""
    monkeypatch.setenv("GLOSSATOR_CACHE_DIR", str(tried))
    with local_hub() as made:
        use_hub(monkeypatch, made.url, str(tmp_path / "cache"), token=OWNER_TOKEN)
        yield made


@pytest.fixture(scope="session")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Notes which bundles passed in a process of their own: only the first test of a bundle waits for that."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def voters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle. Copy it before you change it."""
    return vote_bundle(tmp_path_factory.mktemp("bundles") / "voters", "single_label_classification")


@pytest.fixture
def with_file(voters: Path) -> Callable[[Path, str], Path]:
    """Copy the bundle to a folder and add a file to it, listed in the manifest."""

    def copy(folder: Path, name: str) -> Path:
        shutil.copytree(voters, folder)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
        manifest = read_manifest(folder)
        write_manifest(folder, manifest.model_copy(update={"files": list_files(folder)}))
        return folder

    return copy


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def reporter() -> Lines:
    return Lines()

"""Folders that several test processes use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from shared_folders import shared_folder


@dataclass(frozen=True, slots=True)
class Base:
    """A process that has this folder."""

    folder: Path

    def getbasetemp(self) -> Path:
        return self.folder


def test_a_folder_is_made_once_for_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "file").write_text("whole")

    folders = []
    for process in ("gw0", "gw1"):
        folders.append(shared_folder(Base(tmp_path / process), "model", make))
    assert folders == [tmp_path / "shared" / "model"] * 2
    assert made == folders[:1]


def test_a_folder_that_could_not_be_made_is_made_again(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ValueError("no rows")

    with pytest.raises(ValueError, match="no rows"):
        shared_folder(tmp_path_factory, request.node.name, fail)
    folder = shared_folder(tmp_path_factory, request.node.name, lambda folder: (folder / "whole").touch())
    assert [path.name for path in folder.iterdir()] == ["whole"]

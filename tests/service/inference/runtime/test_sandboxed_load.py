"""host <- ONNX file: the first load of an unknown bundle happens in another process, under limits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from glossator.service.bundle.reader import read_bundle, read_manifest
from glossator.service.errors import BundleInvalid, BundleNotFound
from glossator.service.inference.model import load
from glossator.service.inference.runtime import sandboxed_load
from glossator.service.inference.runtime.machine_cache import cache_folder
from glossator.workflows.models.serving import catalog_of_bundles


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOSSATOR_CACHE_DIR", str(tmp_path / "cache"))


def test_bundle_that_passed_is_not_tried_again(bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    sandboxed_load.load_sandboxed(bundles["intents"])
    assert (cache_folder() / "tried" / read_bundle(bundles["intents"]).digest).exists()
    monkeypatch.setattr(sandboxed_load.sys, "executable", "/nonexistent")
    sandboxed_load.load_sandboxed(bundles["intents"])


def test_of_a_version_that_passed_only_the_manifest_is_read(bundles: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "intents"
    shutil.copytree(bundles["intents"], folder)
    digest = sandboxed_load.try_sandboxed(folder)
    assert (cache_folder() / "tried" / digest).exists()
    (folder / "tokenizer.json").write_text("{}")
    assert sandboxed_load.try_sandboxed(folder) == digest == read_manifest(folder).digest
    with pytest.raises(BundleInvalid, match="tokenizer"):
        load(folder, digest=digest)
    with pytest.raises(BundleInvalid, match="tokenizer"):
        catalog_of_bundles([folder])


def test_a_version_that_did_not_pass_is_checked(bundles: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "intents"
    with pytest.raises(BundleNotFound):
        sandboxed_load.try_sandboxed(folder)
    shutil.copytree(bundles["intents"], folder)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleInvalid, match="tokenizer"):
        sandboxed_load.try_sandboxed(folder)
    assert not (cache_folder() / "tried").exists()


@pytest.mark.parametrize(
    ("program", "found"),
    [("kill -SEGV $$", "signal 11"), ("exit 9", "exit code 9"), ("ulimit -t 1; while :; do :; done", "signal 9")],
)
def test_process_that_does_not_end_well_refuses_the_bundle(
    bundles: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, found: str
) -> None:
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\n{program}\n")
    script.chmod(0o700)
    monkeypatch.setattr(sandboxed_load.sys, "executable", str(script))
    with pytest.raises(BundleInvalid) as caught:
        sandboxed_load.load_sandboxed(bundles["intents"])
    assert caught.value.found == found
    assert not (cache_folder() / "tried").exists()


def test_memory_that_loading_may_take_is_bounded(bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandboxed_load, "BASE_MB", 60)
    with pytest.raises(BundleInvalid):
        sandboxed_load.load_sandboxed(bundles["intents"])


def test_files_of_the_current_folder_do_not_replace_modules(
    bundles: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "glossator").mkdir()
    (tmp_path / "glossator" / "__init__.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert sandboxed_load.load_sandboxed(bundles["intents"]) == read_bundle(bundles["intents"]).digest


def test_errors_are_the_same_as_when_loading_in_this_process(bundles: dict[str, Path], tmp_path: Path) -> None:
    damaged = tmp_path / "intents"
    shutil.copytree(bundles["intents"], damaged)
    (damaged / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleInvalid, match="tokenizer"):
        sandboxed_load.load_sandboxed(damaged)


def test_a_folder_whose_version_changes_meanwhile_is_refused(
    bundles: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process loads the version that was read before it started, or none."""
    folder = tmp_path / "bundle"
    shutil.copytree(bundles["intents"], folder)
    real = subprocess.run

    def run(*arguments: Any, **options: Any) -> Any:
        shutil.rmtree(folder)
        shutil.copytree(bundles["tags"], folder)
        return real(*arguments, **options)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(BundleInvalid, match="the folder contains another version"):
        sandboxed_load.load_sandboxed(folder)
    assert not (cache_folder() / "tried").exists()

"""Copies of the tiny bundle that a test may damage."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

MULTI, SINGLE = "multi_label_classification", "single_label_classification"


@pytest.fixture
def bundle(tiny_bundle: Callable[[str], Path], tmp_path: Path) -> Path:
    """A multi-label bundle: thresholds and temperature change its answers."""
    return Path(shutil.copytree(tiny_bundle(MULTI), tmp_path / "bundle"))


@pytest.fixture
def single_label_bundle(tiny_bundle: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle(SINGLE), tmp_path / "single-label"))


@pytest.fixture(scope="module")
def shared_bundle(tiny_bundle: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A multi-label bundle for property tests, which restore what they change."""
    return Path(shutil.copytree(tiny_bundle(MULTI), tmp_path_factory.mktemp("shared") / "bundle"))

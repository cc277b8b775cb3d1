"""The vendored files of the Studio are what `make studio-assets` makes from the pinned packages."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from node import node_with_packages

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "scripts" / "studio_assets"
VENDOR = ROOT / "service" / "api" / "web" / "static" / "vendor"


@pytest.mark.slow
def test_vendored_files_are_built_from_the_pinned_packages(tmp_path: Path) -> None:
    node = node_with_packages(ASSETS)
    subprocess.run([node, "build.mjs", tmp_path], cwd=ASSETS, check=True, capture_output=True, timeout=300)
    built = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    kept = {file.name: file.read_bytes() for file in VENDOR.iterdir()}
    assert set(built) == set(kept)
    assert [name for name in built if built[name] != kept[name]] == []

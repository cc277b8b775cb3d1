"""`glossator verify`"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
SINGLE = "single_label_classification"


@pytest.fixture
def bundle(tiny_bundle: Callable[[str], Path], folder: Path) -> Path:
    """A copy that a test may damage, in a folder whose name looks like markup."""
    return Path(shutil.copytree(tiny_bundle(SINGLE), "a[red]b"))


def test_an_intact_bundle_is_verified(run: Run, bundle: Path) -> None:
    result = run("verify", bundle)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("verified topics-single@")
    assert "golden rows within" in result.out


def test_json(run: Run, bundle: Path) -> None:
    result = run("verify", bundle, "--json")
    assert result.code == 0
    manifest = json.loads((bundle / "bundle.json").read_text())
    assert result.json["verified"] is True
    assert result.json["digest"] == manifest["digest"]
    assert result.json["golden_rows"] == manifest["verification"]["golden_rows"]


def test_every_fault_is_named_and_the_code_is_1(run: Run, bundle: Path) -> None:
    (bundle / "extra.txt").touch()
    (bundle / "README.md").unlink()
    result = run("verify", bundle)
    assert result.code == 1
    assert result.out.startswith("refused a[red]b\n")
    for fault in ("unlisted-file: extra.txt", "missing-file: README.md"):
        assert fault in result.out


def test_a_refusal_is_complete_json_too(run: Run, bundle: Path) -> None:
    (bundle / "extra.txt").touch()
    result = run("verify", bundle, "--json")
    assert (result.code, result.err) == (1, "")
    assert result.json["verified"] is False
    assert result.json["error"]["code"] == "bundle-invalid"
    assert [fault["name"] for fault in result.json["error"]["faults"]] == ["unlisted-file"]


def test_a_missing_bundle_is_refused(run: Run, folder: Path) -> None:
    result = run("verify", "nope")
    assert result.code == 1
    assert "there is no bundle here" in result.out
    assert "found: nope\n" in result.out

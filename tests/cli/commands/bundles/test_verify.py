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
    """A copy that may be damaged, in a folder whose name looks like markup."""
    return Path(shutil.copytree(tiny_bundle(SINGLE), "a[red]b"))


def test_a_whole_bundle(run: Run, bundle: Path) -> None:
    ran = run("verify", bundle)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("verified topics-single@")
    assert "golden rows within" in ran.out


def test_json(run: Run, bundle: Path) -> None:
    ran = run("verify", bundle, "--json")
    assert ran.code == 0
    manifest = json.loads((bundle / "bundle.json").read_text())
    assert ran.json["verified"] is True
    assert ran.json["digest"] == manifest["digest"]
    assert ran.json["golden_rows"] == manifest["verification"]["golden_rows"]


def test_every_fault_is_named_and_the_code_is_1(run: Run, bundle: Path) -> None:
    (bundle / "extra.txt").touch()
    (bundle / "README.md").unlink()
    ran = run("verify", bundle)
    assert ran.code == 1
    assert ran.out.startswith("refused a[red]b\n")
    for fault in ("unlisted-file: extra.txt", "missing-file: README.md"):
        assert fault in ran.out


def test_json_of_a_refusal_is_whole_too(run: Run, bundle: Path) -> None:
    (bundle / "extra.txt").touch()
    ran = run("verify", bundle, "--json")
    assert (ran.code, ran.err) == (1, "")
    assert ran.json["verified"] is False
    assert ran.json["error"]["code"] == "bundle-invalid"
    assert [fault["name"] for fault in ran.json["error"]["faults"]] == ["unlisted-file"]


def test_no_bundle(run: Run, folder: Path) -> None:
    ran = run("verify", "nope")
    assert ran.code == 1
    assert "there is no bundle here" in ran.out
    assert "found: nope\n" in ran.out

"""The TypeScript example, with types generated from a server's OpenAPI document."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from node import node_with_packages
from servers import server
from vote_bundle import vote_bundle

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "typescript"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first run installs packages


def test_example_is_typed_by_the_document_and_answers(tmp_path: Path) -> None:
    node = node_with_packages(EXAMPLE)
    work = tmp_path / "typescript"
    shutil.copytree(EXAMPLE, work, symlinks=True)
    bundle = vote_bundle(tmp_path / "intents", "single_label_classification")
    with server(bundle, jobs=tmp_path / "jobs", free_disk_bytes=0) as running:
        (work / "openapi.json").write_text(httpx.get(f"{running.url}/openapi.json").text)
        for step in ("schema", "build"):
            ran = subprocess.run(["npm", "run", "-s", step], cwd=work, capture_output=True, text=True)
            assert ran.returncode == 0, ran.stdout + ran.stderr
        command = [node, "built/predict.js", running.url, "intents"]
        ran = subprocess.run([*command, "money", "", "parcel"], cwd=work, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        first, second, third = (line.split("\t") for line in ran.stdout.splitlines())
        assert (first[:2], second, third[:2]) == (["money", "refund"], ["", "empty-text"], ["parcel", "delivery"])
        refused = subprocess.run([*command[:3], "nothing", "money"], cwd=work, capture_output=True, text=True)
        assert refused.returncode != 0
        assert "unknown-model: no model has this name" in refused.stderr

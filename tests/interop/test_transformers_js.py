"""A bundle opens in transformers.js, and gives the same labels and scores as in Python.

The package needs no install scripts: it contains the CPU binaries. `package.json` pins sharp, which reads images, to a
release that runs on node 18.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from node import node_with_packages

HERE = Path(__file__).resolve().parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first run installs


@pytest.fixture(scope="session")
def node() -> str:
    """The node program, with the packages installed."""
    return node_with_packages(HERE)


def classify(node: str, folder: Path, dtype: str, texts: Sequence[str]) -> list[dict[str, float]]:
    """Return the scores of each text by label, from transformers.js, the most probable label first."""
    command = [node, "classify.mjs", str(folder), dtype]
    result = subprocess.run(command, cwd=HERE, input=json.dumps(texts), capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return [{item["label"]: item["score"] for item in answer} for answer in json.loads(result.stdout)]


def test_transformers_js_gives_the_same_labels_and_scores(
    node: str,
    bundle: Path,
    dtype: str,
    texts: list[str],
    ours: Any,
    theirs: Any,
    decide: Callable[[dict[str, float]], set[str]],
    tmp_path: Path,
) -> None:
    folder = tmp_path / bundle.name
    other = "model_quantized.onnx" if dtype == "fp32" else "model.onnx"
    shutil.copytree(bundle, folder, ignore=shutil.ignore_patterns(other))  # so that it reads the requested graph
    answers = classify(node, folder, dtype, texts)
    assert [decide(scores) for scores in answers] == [ours.labels(text) for text in texts]
    for text, scores in zip(texts, answers, strict=True):
        # Another release of ONNX Runtime may round int8 activations differently.
        assert scores == pytest.approx(theirs.scores(text), abs=1e-4 if dtype == "fp32" else 2e-2), text
        assert list(scores.values()) == sorted(scores.values(), reverse=True)

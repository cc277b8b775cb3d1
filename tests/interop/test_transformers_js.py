"""A bundle opens in transformers.js, and gives the same answers as in Python.

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

import glossator

from .conftest import TransformersBundle

HERE = Path(__file__).resolve().parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first run installs


@pytest.fixture(scope="session")
def node() -> str:
    """The node program, with the packages installed."""
    return node_with_packages(HERE)


def run_pipeline(node: str, task: str, folder: Path, dtype: str, inputs: Sequence[Any]) -> Any:
    """Return what a pipeline of transformers.js gives for each input."""
    command = [node, "pipelines.mjs", task, str(folder), dtype]
    result = subprocess.run(command, cwd=HERE, input=json.dumps(inputs), capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


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
    found = run_pipeline(node, "text-classification", folder, dtype, texts)
    answers = [{item["label"]: item["score"] for item in answer} for answer in found]
    assert [decide(scores) for scores in answers] == [ours.labels(text) for text in texts]
    for text, scores in zip(texts, answers, strict=True):
        # Another release of ONNX Runtime may round int8 activations differently.
        assert scores == pytest.approx(theirs.scores(text), abs=1e-4 if dtype == "fp32" else 2e-2), text
        assert list(scores.values()) == sorted(scores.values(), reverse=True)


def test_transformers_js_gives_the_same_tags(node: str, fp32_bundle: Callable[[str], Path], texts: list[str]) -> None:
    folder = fp32_bundle("token-classification")
    plain = TransformersBundle(folder, "onnx/model.onnx")
    for text, found in zip(texts, run_pipeline(node, "token-classification", folder, "fp32", texts), strict=True):
        tags = [plain.config.id2label[int(index)] for index in plain.first_output(text)[1:-1].argmax(axis=-1)]
        assert [each["entity"] for each in found] == [tag for tag in tags if tag != "O"]
    assert {each["entity"] for each in found} >= {"B-DAY"}


def test_transformers_js_gives_the_same_answer_to_a_question(node: str, fp32_bundle: Callable[[str], Path]) -> None:
    folder = fp32_bundle("question-answering")
    question, context = "where is it", "the parcel is late regards"
    (found,) = run_pipeline(node, "question-answering", folder, "fp32", [[question, context]])
    span = glossator.load(folder)(glossator.Pair(question, context)).span
    assert span is not None
    assert found["answer"] == span.text == "parcel"


def test_transformers_js_gives_the_same_vectors(
    node: str, fp32_bundle: Callable[[str], Path], texts: list[str]
) -> None:
    folder = fp32_bundle("text-embedding")
    model = glossator.load(folder)
    for text, vector in zip(texts, run_pipeline(node, "feature-extraction", folder, "fp32", texts), strict=True):
        assert vector == pytest.approx(model(text).vector.tolist(), abs=1e-5), text

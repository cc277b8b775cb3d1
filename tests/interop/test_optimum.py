"""Bundles open in Optimum and sentence-transformers, and give the answers of Glossator.

Both are in an environment of their own, which `make interop` creates, because optimum-onnx needs transformers 4;
GLOSSATOR_OPTIMUM names its Python.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glossator
from glossator.export.exporter import export
from glossator.service.bundle import file_names
from glossator.training.config import TrainingConfig
from glossator.training.fit import fit

from .conftest import TEXTS, TransformersBundle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SCRIPT = Path(__file__).with_name("optimum_calls.py")
SINGLE = "single_label_classification"
QUESTIONS = [["where is it", "the parcel is late regards"], ["where is it", "regards the parcel is late"]]
PAIRS = [["where is my parcel thanks", "hello still waiting for the box"], ["the parcel", "money is missing"]]


@pytest.fixture(scope="module")
def bag_bundle(
    tiny_base: Callable[[str], Path], topic_splits: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A bundle of an architecture that no other tool knows."""
    folder = tmp_path_factory.mktemp("bag")
    config = TrainingConfig(base=str(tiny_base("bert")), algorithm="bag", max_length=32, device="cpu", epochs=2)
    fit(topic_splits(SINGLE), config, folder / "checkpoint")
    return export(folder / "checkpoint", folder / "bundle", precision="fp32").output


@pytest.fixture(scope="module")
def answers(fp32_bundle: Callable[[str], Path], bag_bundle: Path) -> dict[str, Any]:
    """What the tools give, all asked by one process."""
    python = os.environ.get("GLOSSATOR_OPTIMUM")
    if not python:
        pytest.skip("GLOSSATOR_OPTIMUM names no Python with Optimum; `make interop` installs it")
    asked: dict[str, tuple[str, Path, Any]] = {
        "labels": ("text-classification", fp32_bundle(SINGLE), TEXTS),
        "labels of a bag": ("text-classification", bag_bundle, TEXTS),
        "entities": ("token-classification", fp32_bundle("token-classification"), TEXTS),
        "answers": ("question-answering", fp32_bundle("question-answering"), QUESTIONS),
        "features": ("feature-extraction", fp32_bundle("text-embedding"), TEXTS),
        "vectors": ("sentence-transformers", fp32_bundle("text-embedding"), TEXTS),
        "pairs": ("cross-encoder", fp32_bundle("text-pair"), PAIRS),
    }
    calls = [
        {"tool": tool, "folder": str(folder), "graph": file_names.GRAPH_FP32, "inputs": inputs}
        for tool, folder, inputs in asked.values()
    ]
    done = subprocess.run(
        [python, SCRIPT], input=json.dumps(calls), capture_output=True, text=True, timeout=500,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(asked, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("name", ["labels", "labels of a bag"])
def test_labels_and_scores(
    answers: dict[str, Any], fp32_bundle: Callable[[str], Path], bag_bundle: Path, name: str
) -> None:
    plain = TransformersBundle(fp32_bundle(SINGLE) if name == "labels" else bag_bundle, file_names.GRAPH_FP32)
    for text, found in zip(TEXTS, answers[name], strict=True):
        assert {each["label"]: each["score"] for each in found} == pytest.approx(plain.scores(text), abs=1e-5), text


def test_entities(answers: dict[str, Any], fp32_bundle: Callable[[str], Path]) -> None:
    model = glossator.load(fp32_bundle("token-classification"))
    found = [[(each["start"], each["end"], each["entity_group"]) for each in one] for one in answers["entities"]]
    assert found == [[(each.start, each.end, each.label) for each in model(text).entities] for text in TEXTS]
    assert {label for one in found for _, _, label in one} == {"DAY", "ITEM"}


def test_answers_to_questions(answers: dict[str, Any], fp32_bundle: Callable[[str], Path]) -> None:
    model = glossator.load(fp32_bundle("question-answering"))
    for (question, context), found in zip(QUESTIONS, answers["answers"], strict=True):
        span = model(glossator.Pair(question, context)).span
        assert (found["start"], found["end"], found["answer"]) == (span.start, span.end, "parcel")


@pytest.mark.parametrize("name", ["features", "vectors"])
def test_vectors(answers: dict[str, Any], fp32_bundle: Callable[[str], Path], name: str) -> None:
    model = glossator.load(fp32_bundle("text-embedding"))
    found = np.asarray(answers[name]).reshape(len(TEXTS), -1)
    assert np.allclose(found, [model(text).vector for text in TEXTS], atol=1e-5)


def test_logits_of_a_cross_encoder(answers: dict[str, Any], fp32_bundle: Callable[[str], Path]) -> None:
    plain = TransformersBundle(fp32_bundle("text-pair"), file_names.GRAPH_FP32)
    expected = [plain.first_output(*pair) for pair in PAIRS]
    assert np.allclose(answers["pairs"], expected, atol=1e-4)

"""A bundle opens in transformers and plain ONNX Runtime, and gives the same labels as in Glossator."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import TransformersBundle


@pytest.fixture
def task(bundle: Path) -> Any:
    """The task in the manifest, read as plain JSON."""
    return json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["task"]


def test_config_names_the_labels_of_the_manifest(theirs: Any, task: Any, problem_type: str) -> None:
    assert theirs.config.problem_type == task["problem_type"] == problem_type
    assert [theirs.config.id2label[index] for index in range(theirs.config.num_labels)] == task["labels"]
    assert theirs.config.label2id == {label: index for index, label in enumerate(task["labels"])}


def test_the_folder_alone_gives_the_same_labels(
    theirs: Any, ours: Any, texts: list[str], decide: Callable[[dict[str, float]], set[str]]
) -> None:
    found = [decide(theirs.scores(text)) for text in texts]
    assert found == [ours.labels(text) for text in texts]
    assert set().union(*found) >= {"delivery", "refund", "login"}  # the texts have different labels


def test_the_calibration_of_the_manifest_gives_the_same_scores_and_labels(
    theirs: Any, ours: Any, task: Any, texts: list[str], problem_type: str, dtype: str
) -> None:
    # Sums in another order may round an int8 activation to the neighbouring value.
    tolerance = 1e-5 if dtype == "fp32" else 1e-3
    calibration = task["calibration"]
    for text in texts:
        scores = theirs.scores(text, temperature=calibration["temperature"])
        prediction = ours.predict(text)
        assert {score.label: score.score for score in prediction.scores} == pytest.approx(scores, abs=tolerance), text
        if problem_type == "multi_label_classification":
            limits = dict(zip(task["labels"], calibration["thresholds"], strict=True))
            assert set(prediction.labels) == {label for label, score in scores.items() if score >= limits[label]}, text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "auto_class"),
    [
        ("single_label_classification", "AutoModelForSequenceClassification"),
        ("token-classification", "AutoModelForTokenClassification"),
        ("text-embedding", "AutoModel"),
    ],
)
def test_a_checkpoint_opens_in_transformers_and_gives_what_the_bundle_gives(
    tiny_checkpoint: Callable[[str], Path],
    task_checkpoint: Callable[[str], Path],
    fp32_bundle: Callable[[str], Path],
    kind: str,
    auto_class: str,
) -> None:
    import torch
    import transformers

    checkpoint = (tiny_checkpoint if kind.endswith("_classification") else task_checkpoint)(kind)
    model = getattr(transformers, auto_class).from_pretrained(checkpoint).eval()
    encoded: Any = transformers.AutoTokenizer.from_pretrained(checkpoint)("where is my parcel", return_tensors="pt")
    with torch.no_grad():
        theirs = model(**encoded)
    if kind == "text-embedding":
        vector = theirs.last_hidden_state.numpy().mean(axis=1)
        expected = vector / np.linalg.norm(vector, axis=1, keepdims=True)
    else:
        expected = theirs.logits.numpy()
    ours = TransformersBundle(fp32_bundle(kind), "onnx/model.onnx").first_output("where is my parcel")
    assert np.allclose(ours, expected[0], atol=1e-4)

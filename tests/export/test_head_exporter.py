"""Heads, from labelled rows to a served bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from glossator.modeling.labelled_rows import read_rows
from glossator.service.bundle.reader import read_bundle
from glossator.service.bundle.writer import list_files, write_manifest
from glossator.service.errors import BundleInvalid, BundleNotFound
from glossator.service.inference.model import load

SINGLE, MULTI = "single_label_classification", "multi_label_classification"
TEXTS = ["where is my parcel", "i want my money back", "cannot log in", "the parcel is late " * 40]


def test_a_head_answers_with_the_vectors_of_its_backbone(head_bundle: Callable[[str], Path]) -> None:
    folder = head_bundle(SINGLE)
    model, backbone = load(folder), load(folder.parent / "text-embedding")
    assert [answer.label for answer in model(TEXTS[:3])] == ["delivery", "refund", "login"]
    layer = load_file(folder / "head.safetensors")
    vectors = np.stack([answer.vector for answer in backbone(TEXTS[:3])])
    expected = vectors @ layer["weight"].T + layer["bias"]
    np.testing.assert_allclose(model.pipeline.logits(TEXTS[:3]), expected, atol=1e-4)


def test_a_head_is_calibrated_measured_and_small(head_bundle: Callable[[str], Path]) -> None:
    manifest = read_bundle(head_bundle(SINGLE)).manifest
    assert manifest.task.calibration.temperature != 1.0  # type: ignore[union-attr]
    assert {record.split for record in manifest.evaluation} == {"validation", "test"}
    assert manifest.evaluation[-1].metrics["accuracy"].value > 0.9
    assert manifest.verification.golden_rows > 10
    assert manifest.verification.batch_difference < 1e-5
    assert manifest.backbone is not None
    assert manifest.files["head.safetensors"].size < 1_000
    assert not any(name.endswith(".onnx") or name.startswith("tokenizer") for name in manifest.files)


def test_a_head_may_give_any_number_of_labels(head_bundle: Callable[[str], Path]) -> None:
    model = load(head_bundle(MULTI))
    assert set(model("where is my parcel since monday").labels) == {"delivery", "urgent"}


def test_long_texts_are_read_in_the_windows_of_the_backbone(head_bundle: Callable[[str], Path]) -> None:
    model = load(head_bundle(SINGLE))
    answer = model(TEXTS[3])
    assert answer.windows > 3
    assert answer.label == "delivery"


def test_heads_share_their_backbone(head_bundle: Callable[[str], Path]) -> None:
    one, other = load(head_bundle(SINGLE)), load(head_bundle(MULTI))
    assert one.backbone is not None
    assert one.backbone is other.backbone
    assert one.batcher is other.batcher
    assert one.bytes < 1_000


def test_another_version_of_the_backbone_is_refused(head_bundle: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(head_bundle(SINGLE), tmp_path / "topics")
    with pytest.raises(BundleNotFound, match="backbone"):
        load(folder)
    encoder = shutil.copytree(head_bundle(SINGLE).parent / "text-embedding", tmp_path / "text-embedding")
    assert load(folder)(TEXTS[0]).label == "delivery"
    bundle = read_bundle(encoder)
    write_manifest(encoder, bundle.manifest.model_copy(update={"name": "renamed", "files": list_files(encoder)}))
    with pytest.raises(BundleNotFound):
        load(folder)
    with pytest.raises(BundleInvalid, match="another version"):
        load(folder, backbone=encoder)


def test_a_damaged_layer_is_refused(head_bundle: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(head_bundle(SINGLE), tmp_path / "topics")
    shutil.copytree(head_bundle(SINGLE).parent / "text-embedding", tmp_path / "text-embedding")
    manifest, file = read_bundle(folder).manifest, folder / "head.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 64
    file.write_bytes(data)
    with pytest.raises(BundleInvalid, match="wrong-hash"):
        load(folder)
    write_manifest(folder, manifest.model_copy(update={"files": list_files(folder)}))
    with pytest.raises(BundleInvalid, match="golden-logits"):
        load(folder)


def test_the_checkpoint_of_a_head_names_its_backbone(head_bundle: Callable[[str], Path]) -> None:
    folder = head_bundle(SINGLE).parent
    named = json.loads((folder / f"{SINGLE}-checkpoint" / "backbone.json").read_text())
    assert named["digest"] == read_bundle(folder / "text-embedding").digest
    assert len(read_rows(folder / f"{SINGLE}-checkpoint" / "validation.jsonl")) > 10

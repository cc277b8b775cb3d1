"""The full export, from a checkpoint to a verified bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from glossator.export.exporter import export
from glossator.modeling.labelled_rows import read_rows
from glossator.service.bundle.reader import read_bundle
from glossator.service.inference.model import load


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_bundle_contains_the_graphs_in_its_manifest(
    tiny_checkpoint: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    checkpoint = tiny_checkpoint("single_label_classification")
    monkeypatch.chdir(tmp_path)
    output = export(checkpoint, "bundle", precision=precision).output  # type: ignore[arg-type]
    assert output == tmp_path / "bundle"  # absolute: graphs are opened by this path
    manifest = read_bundle(output).manifest
    assert manifest.served.precision == precision
    assert ("onnx/model_quantized.onnx" in manifest.files) == (precision == "int8")
    assert [each.scheme for each in manifest.verification.parity] == (
        ["fp32"] if precision == "fp32" else ["fp32", "static"]
    )
    assert load(output)("where is my parcel").label == "delivery"


@pytest.mark.slow
@pytest.mark.parametrize("family", ["deberta-v2", "modernbert", "mpnet", "distilbert", "roberta"])
def test_other_families_are_exported(
    family: str, tiny_base: Callable[[str], Path], topic_splits: Callable[[str], object], tmp_path: Path
) -> None:
    from glossator.training.config import TrainingConfig
    from glossator.training.fit import fit

    config = TrainingConfig(
        base=str(tiny_base(family)),
        epochs=12,
        patience=12,
        batch_size=16,
        max_length=32,
        learning_rate=5e-3,
        head_learning_rate_factor=1.0,
        precision="fp32",
        device="cpu",
    )
    checkpoint = fit(topic_splits("single_label_classification"), config, tmp_path / "checkpoint").output  # type: ignore[arg-type]
    notes: list[str] = []
    exported = export(checkpoint, tmp_path / "bundle", stage=notes.append)
    assert not any("no fast graph for the family" in note for note in notes)
    schemes = [each.scheme for each in exported.manifest.verification.parity]
    assert schemes[:2] == ["fp32", "static"]
    assert exported.manifest.verification.parity[0].max_logit_difference <= 1e-4
    assert exported.manifest.verification.batch_difference <= 0.01
    model = load(exported.output)
    rows = read_rows(checkpoint / "test.jsonl")
    right = [answer.labels == gold for answer, gold in zip(model(rows.texts), rows.labels, strict=True)]
    assert np.mean(right) > 0.6, json.dumps(schemes)
    shutil.rmtree(tmp_path / "checkpoint")

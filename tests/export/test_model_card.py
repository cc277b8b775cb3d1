"""Model cards tell the truth about every algorithm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from task_factory import provenance
from vote_bundle import vote_bundle

from glossator.export.exporter import export
from glossator.export.model_card import write_card
from glossator.export.model_origin import base_line, base_model_of, describe_origin
from glossator.service.bundle.reader import read_bundle, read_manifest
from glossator.training.algorithms.registry import LADDER
from glossator.training.config import EPOCH_OPTIONS, TrainingConfig
from glossator.training.fit import fit

FROM_SCRATCH = {"majority", "tfidf", "bag"}
"""Their graphs have no weight of the base model."""


@pytest.mark.parametrize("name", LADDER)
def test_the_origin_names_the_base_model_only_where_its_weights_are_used(name: str) -> None:
    made = provenance().model_copy(update={"algorithm": name, "base_model": "org/encoder", "corpus_rows": 1_234})
    sentence = describe_origin(made)
    assert sentence.endswith("on 1,234 rows")
    assert "Trained by the algorithm" not in sentence  # every algorithm of ours has a sentence of its own
    assert sentence.startswith("Fine-tuned from") is (name in {"finetune", "lora"})
    assert base_model_of(made) == (None if name in FROM_SCRATCH else "org/encoder")
    assert base_line(made).startswith("- tokenizer:" if name in FROM_SCRATCH else "- base model:")


def test_an_algorithm_of_another_package_is_named() -> None:
    made = provenance().model_copy(update={"algorithm": "theirs", "base_model": "org/encoder"})
    assert describe_origin(made) == "Trained by the algorithm theirs with the base model org/encoder on 1 rows"
    assert base_model_of(made) is None


@pytest.mark.parametrize("name", ["majority", "tfidf", "frozen"])
def test_a_card_has_no_epochs_of_an_algorithm_without_them(
    name: str, tiny_base: Callable[[str], Path], topic_splits: Callable[[str], Any], tmp_path: Path
) -> None:
    config = TrainingConfig(base=str(tiny_base("bert")), algorithm=name, max_length=32, device="cpu")
    fit(topic_splits("single_label_classification"), config, tmp_path / "checkpoint")
    exported = export(tmp_path / "checkpoint", tmp_path / name, precision="fp32")
    assert not EPOCH_OPTIONS & exported.manifest.task.provenance.config.keys()
    card = (tmp_path / name / "README.md").read_text()
    assert "epoch" not in card
    assert "Fine-tuned" not in card
    assert "base_model:" not in card
    assert describe_origin(read_bundle(tmp_path / name).task.provenance) in card


def test_a_card_for_entities_has_no_phrase_about_calibration(task_bundle: Callable[[str], Path]) -> None:
    card = (task_bundle("token-classification") / "README.md").read_text()
    assert "calibration" not in card
    assert ", token-classification)" in card
    assert "Fine-tuned from" in card


def test_a_card_has_the_metadata_that_the_hub_reads(tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    manifest = read_manifest(vote_bundle(tmp_path / "voters", "single_label_classification"))
    write_card(tmp_path, manifest, {}, licence="apache-2.0")
    data = ModelCard.load(tmp_path / "README.md").data
    assert (data.license, data.library_name, data.pipeline_tag) == ("apache-2.0", "onnx", "text-classification")
    assert data.tags == ["glossator", "onnx", "transformers.js", "fp32"]


def test_the_metrics_of_a_card_are_those_of_its_evaluation(tiny_bundle: Callable[[str], Path]) -> None:
    from huggingface_hub import ModelCard

    folder = tiny_bundle("single_label_classification")
    data = ModelCard.load(folder / "README.md").data
    (record,) = [each for each in read_bundle(folder).manifest.evaluation if each.split == "test"]
    results = {each.metric_name: each for each in data.eval_results}
    assert results["accuracy"].metric_value == round(record.metrics["accuracy"].value, 6)
    assert (results["accuracy"].dataset_split, results["macro_f1"].metric_type) == ("test", "f1")
    assert data.metrics == ["accuracy", "f1"]
    assert data.license is None

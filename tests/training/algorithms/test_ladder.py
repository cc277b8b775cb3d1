"""Every algorithm learns the topics and is exported, and the exported graph answers as PyTorch does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from glossator.export.exporter import export
from glossator.modeling.checkpoint_reader import load_checkpoint, load_model
from glossator.modeling.labelled_rows import LabelledRows, inputs_of
from glossator.service.errors import ConfigError
from glossator.service.inference.model import Model, load
from glossator.service.measuring import speed as measuring
from glossator.training.algorithms import registry
from glossator.training.algorithms.algorithm import Splits, TrainingContext
from glossator.training.algorithms.distil import make_smaller_encoder
from glossator.training.algorithms.few_shot import contrastive_loss
from glossator.training.algorithms.lora import LoraOptions, add_adapters
from glossator.training.base_model import open_model, resolve_base_model
from glossator.training.config import TrainingConfig
from glossator.training.fit import fit
from glossator.training.training_loop import Outcome

Bases = Callable[[str], Path]
MakeSplits = Callable[[str], Splits]
SINGLE, MULTI = "single_label_classification", "multi_label_classification"
SMALL = {
    "bag": {"dimension": 16, "buckets": 64, "gram_dropout": 0.0, "dropout": 0.0},
    "static": {"dimension": 16, "buckets": 64, "gram_dropout": 0.0, "dropout": 0.0},
    "distil": {"layers": 1},
    "lora": {"rank": 32, "alpha": 32.0},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "finetune": {"learning_rate": 5e-3, "head_learning_rate_factor": 1.0},
    "lora": {"learning_rate": 5e-3, "head_learning_rate_factor": 1.0, "epochs": 30, "patience": 30},
}
"""Further options of algorithms that train the tiny encoder itself."""
MIN_ACCURACY = {"tfidf": 0.9, "bag": 0.9, "static": 0.9, "frozen": 0.6, "few-shot": 0.6, "lora": 0.6, "distil": 0.6}
"""The accuracy to reach on the test rows. Algorithms that use the tiny encoder reach less: its weights are random."""


def options(tiny_base: Bases, algorithm: str, **changed: Any) -> TrainingConfig:
    chosen = {
        "base": str(tiny_base("bert")),
        "algorithm": algorithm,
        "epochs": 20,
        "patience": 20,
        "batch_size": 16,
        "learning_rate": 1e-2,
        "max_length": 32,
        "device": "cpu",
        "precision": "fp32",
        "threads": 1,
        "options": SMALL.get(algorithm, {}),
    }
    return TrainingConfig(**(chosen | changed))


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", registry.LADDER)
def test_an_algorithm_is_trained_exported_and_served(
    algorithm: str,
    tiny_base: Bases,
    topic_splits: MakeSplits,
    tiny_checkpoint: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    splits = topic_splits(SINGLE)
    changed: dict[str, Any] = OPTIONS.get(algorithm, {})
    if algorithm == "distil":
        changed = {"teacher": str(tiny_checkpoint(SINGLE))}
        splits = replace(splits, unlabelled=["where is the box", "the login code", "my money please"])
    config = options(tiny_base, algorithm, **changed)
    fitted = fit(splits, config, tmp_path / "checkpoint")
    assert fitted.task.provenance.algorithm == algorithm
    exported = export(fitted.output, tmp_path / "bundle")
    fp32, *int8 = exported.manifest.verification.parity
    assert fp32.max_logit_difference <= 1e-4
    assert int8
    assert exported.manifest.verification.batch_difference <= 0.01
    model = load(exported.output)
    theirs = load_checkpoint(fitted.output).predict(splits.test.texts)
    ours = model.predict(splits.test.texts)
    same = [a.label == b.label for a, b in zip(ours, theirs, strict=True)]  # type: ignore[union-attr]
    assert np.mean(same) >= 0.9
    right = [answer.labels == gold for answer, gold in zip(ours, splits.test.labels, strict=True)]  # type: ignore[union-attr]
    counts = splits.train.label_counts()
    floor = max(counts.values()) / len(splits.train)
    if algorithm == "majority":
        assert {answer.label for answer in ours} == {max(counts, key=lambda name: counts[name])}  # type: ignore[union-attr]
        assert ours[0].score == pytest.approx(floor, abs=0.02)  # type: ignore[union-attr]
    else:
        assert np.mean(right) >= MIN_ACCURACY.get(algorithm, 0.8)
    check_speed(model, splits.test.texts, monkeypatch)


def check_speed(model: Model, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`bench` measures every algorithm; models that only look up rows of a table have no limit of matrix products."""
    for name, value in {"_SECONDS": 0.02, "CALLERS": (1,), "BUDGETS": (64,), "ROUNDS": 1}.items():
        monkeypatch.setattr(measuring, name, value)
    speed = measuring.measure_speed(model, texts)
    assert speed.best.texts_per_second > 0
    products = model.task.provenance.algorithm not in ("majority", "tfidf")
    assert (speed.limit is not None, speed.share_of_limit is not None) == (products, products)
    assert json.loads(json.dumps(speed.to_dict(), allow_nan=False))["share_of_limit"] == speed.share_of_limit


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["majority", "tfidf", "bag", "static", "frozen"])
def test_algorithms_for_any_number_of_labels(
    algorithm: str, tiny_base: Bases, topic_splits: MakeSplits, tmp_path: Path
) -> None:
    splits = topic_splits(MULTI)
    fitted = fit(splits, options(tiny_base, algorithm), tmp_path / "checkpoint")
    assert fitted.metric == "macro_f1"
    assert fitted.outcome.best_metric > {"majority": 0.0, "frozen": 0.5}.get(algorithm, 0.8)
    answers = load_checkpoint(fitted.output).predict(splits.test.texts)
    assert all(answer.prediction.scores for answer in answers)  # type: ignore[union-attr]


@pytest.mark.parametrize("algorithm", ["tfidf", "frozen"])
def test_two_rows_per_label_are_enough_to_fit(
    algorithm: str, tiny_base: Bases, topic_splits: MakeSplits, tmp_path: Path
) -> None:
    """A label without any training row is never predicted."""
    whole = topic_splits(SINGLE)
    few = [
        row
        for name in whole.train.label_names
        for row in [r for r, labels in enumerate(whole.train.labels) if labels == (name,)][:2]
    ]
    splits = Splits(whole.train.subset(few[:-2]), whole.validation, whole.test)
    fitted = fit(splits, options(tiny_base, algorithm), tmp_path / "checkpoint")
    answers = load_checkpoint(fitted.output).predict(splits.test.texts)
    assert whole.train.label_names[-1] not in {answer.label for answer in answers}  # type: ignore[union-attr]


def test_static_has_vectors_for_tokens_outside_the_training_rows(
    tiny_base: Bases, topic_splits: MakeSplits, tmp_path: Path
) -> None:
    splits = topic_splits(SINGLE)
    few = Splits(splits.train.subset(range(12)), splits.validation, splits.test)
    folder = fit(few, options(tiny_base, "static", epochs=1), tmp_path / "checkpoint").output
    model = load_model(folder, "text-classification")
    special = set(special_tokens(tiny_base("bert")))
    known = {token for token, row in enumerate(model.grams.row_of.tolist()) if row}
    assert known == set(range(model.config.vocab_size)) - special
    assert bool(model.table.weight[1 : model.grams.tokens + 1].abs().sum(dim=1).gt(0).all())


def special_tokens(folder: Path) -> list[int]:
    from transformers import AutoTokenizer

    return list(AutoTokenizer.from_pretrained(folder).all_special_ids)


def test_a_bag_has_rows_only_for_tokens_of_its_corpus(
    tiny_base: Bases, topic_splits: MakeSplits, tmp_path: Path
) -> None:
    splits = topic_splits(SINGLE)
    few = Splits(splits.train.subset(range(6)), splits.validation, splits.test)
    folder = fit(few, options(tiny_base, "bag", epochs=1), tmp_path / "checkpoint").output
    model = load_model(folder, "text-classification")
    assert model.grams.tokens == len({row for row in model.grams.row_of.tolist() if row})
    assert model.grams.tokens < model.config.vocab_size - 10


def test_adapters_change_nothing_before_training_and_are_removed_by_merging(tiny_base: Bases) -> None:
    from task_factory import make_task
    from torch.nn.utils import parametrize

    model = open_model(resolve_base_model(str(tiny_base("bert"))), make_task()).eval()
    ids, mask = torch.tensor([[1, 5, 6, 2]]), torch.ones(1, 4, dtype=torch.int64)
    with torch.inference_mode():
        before = model(input_ids=ids, attention_mask=mask).logits
    names = set(model.state_dict())
    adapted = add_adapters(model, LoraOptions(rank=2))
    assert adapted
    assert {name.split(".")[0] for name, each in model.named_parameters() if each.requires_grad} >= {"classifier"}
    assert not model.bert.embeddings.word_embeddings.weight.requires_grad
    with torch.inference_mode():
        torch.testing.assert_close(model(input_ids=ids, attention_mask=mask).logits, before)
    for linear in adapted:
        parametrize.remove_parametrizations(linear, "weight", leave_parametrized=True)
    assert set(model.state_dict()) == names


def test_the_contrastive_loss_is_that_of_the_paper() -> None:
    """Khosla et al. 2020, equation 2, term by term."""
    generator = torch.Generator().manual_seed(3)
    vectors = torch.nn.functional.normalize(torch.randn(6, 4, generator=generator), dim=1)
    labels = [0, 1, 0, 2, 1, 0]
    terms = []
    for i in range(6):
        others = [j for j in range(6) if j != i]
        positives = [j for j in others if labels[j] == labels[i]]
        if not positives:
            continue
        total = sum(torch.exp(vectors[i] @ vectors[j] / 0.1) for j in others)
        terms.append(
            -sum(torch.log(torch.exp(vectors[i] @ vectors[p] / 0.1) / total) for p in positives) / len(positives)
        )
    torch.testing.assert_close(contrastive_loss(vectors, labels, 0.1), torch.stack(terms).mean())


def test_a_smaller_encoder_starts_with_layers_of_the_teacher(
    tiny_base: Bases, topic_splits: MakeSplits, tiny_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    caught: list[Any] = []

    def look(context: TrainingContext) -> tuple[Any, Outcome]:
        caught.append(make_smaller_encoder(context))
        raise KeyboardInterrupt

    teacher = tiny_checkpoint(SINGLE)
    algorithm = replace(registry.find_algorithm("distil"), train=look)
    config = options(tiny_base, "distil", teacher=str(teacher))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("glossator.training.fit.find_algorithm", lambda _: algorithm)
        with pytest.raises(KeyboardInterrupt):
            fit(topic_splits(SINGLE), config, tmp_path / "checkpoint")
    source, (student,) = load_model(teacher, "text-classification"), caught
    assert len(student.bert.encoder.layer) == 1
    ours, theirs = student.state_dict(), source.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


@pytest.mark.parametrize(
    ("algorithm", "changed", "message"),
    [
        ("nonesuch", {}, "there is no such algorithm"),
        ("distil", {}, "distil needs a teacher"),
        ("bag", {"options": {"dimensions": 3}}, "the options of bag cannot be used"),
        ("bag", {"options": {"dropout": 1.5}}, "less than 1"),
        ("majority", {"options": {"rank": 1}}, "options of majority: none"),
    ],
)
def test_unknown_algorithms_and_invalid_options_are_rejected(
    algorithm: str, changed: dict[str, Any], message: str, tiny_base: Bases, topic_splits: MakeSplits, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(topic_splits(SINGLE), options(tiny_base, algorithm, **changed), tmp_path / "checkpoint")
    assert message in str(caught.value)


def test_tasks_that_an_algorithm_does_not_support_are_rejected(
    tiny_base: Bases, topic_splits: MakeSplits, task_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="exactly one label per text"):
        fit(topic_splits(MULTI), options(tiny_base, "few-shot"), tmp_path / "checkpoint")
    splits = topic_splits(SINGLE)
    pairs = replace(splits.train, task="text-pair", seconds=list(splits.train.texts))
    with pytest.raises(ConfigError) as caught:
        fit(replace(splits, train=pairs), options(tiny_base, "tfidf"), tmp_path / "checkpoint")
    assert "tfidf cannot be used for text-pair" in str(caught.value)
    assert "lora" in str(caught.value)


def test_a_student_that_is_not_smaller_than_its_teacher_is_rejected(
    tiny_base: Bases, topic_splits: MakeSplits, tiny_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    config = options(tiny_base, "distil", teacher=str(tiny_checkpoint(SINGLE)), options={"layers": 2})
    with pytest.raises(ConfigError, match="not be smaller"):
        fit(topic_splits(SINGLE), config, tmp_path / "checkpoint")


def test_a_teacher_with_other_labels_is_rejected(
    tiny_base: Bases, topic_splits: MakeSplits, tiny_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    config = options(tiny_base, "distil", teacher=str(tiny_checkpoint(MULTI)))
    with pytest.raises(ConfigError, match="other labels than the training rows"):
        fit(topic_splits(SINGLE), config, tmp_path / "checkpoint")


def test_a_base_without_a_tokenizer_is_rejected(tiny_base: Bases, topic_splits: MakeSplits, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes((tiny_base("bert") / name).read_bytes())
    for algorithm in ("tfidf", "static"):
        with pytest.raises(ConfigError, match="no fast tokenizer"):
            fit(topic_splits(SINGLE), options(tiny_base, algorithm, base=str(folder)), tmp_path / "checkpoint")


def test_killed_few_shot_training_ends_with_the_same_result(
    tiny_base: Bases, topic_splits: MakeSplits, tmp_path: Path
) -> None:
    from glossator.training.progress import SilentProgress, StepDone

    class Stop(SilentProgress):
        def step(self, event: StepDone) -> None:
            if event.epochs > 1 and event.step == 7:
                raise KeyboardInterrupt

    whole = topic_splits(SINGLE)
    splits = Splits(whole.train.subset(range(0, len(whole.train), 3)), whole.validation, LabelledRows([], []))
    config = options(tiny_base, "few-shot", epochs=3, state_every_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        fit(splits, config, tmp_path / "killed", progress=Stop())
    fit(splits, config, tmp_path / "killed")
    fit(splits, config, tmp_path / "whole")
    killed, uninterrupted = (
        load_model(tmp_path / name, "text-classification").state_dict() for name in ("killed", "whole")
    )
    assert all(torch.equal(killed[name], uninterrupted[name]) for name in uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["token-classification", "question-answering", "text-pair", "text-embedding"])
def test_adapters_work_for_every_task(
    kind: str, task_splits: MakeSplits, task_checkpoint: Callable[[str], Path], tiny_base: Bases, tmp_path: Path
) -> None:
    """The merged model has the weight names of a fine-tuned one, and answers."""
    splits = task_splits(kind)
    folder = fit(splits, options(tiny_base, "lora", epochs=1, label_smoothing=0.0), tmp_path / "checkpoint").output
    names = [set(load_model(each, kind).state_dict()) for each in (folder, task_checkpoint(kind))]  # type: ignore[arg-type]
    assert names[0] == names[1]
    pipeline = load_checkpoint(folder)
    assert all(not isinstance(each, Exception) for each in pipeline.predict(inputs_of(splits.test, pipeline.task)))

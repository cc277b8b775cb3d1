from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from glossator.modeling.checkpoint_reader import load_checkpoint, read_task
from glossator.modeling.labelled_rows import LabelledRows, indicator
from glossator.service.bundle import file_names
from glossator.service.bundle.reference import parse_reference
from glossator.service.errors import ConfigError, OutputError
from glossator.training.algorithms.algorithm import Splits
from glossator.training.base_model import FP32_ONLY
from glossator.training.config import TrainingConfig
from glossator.training.fit import FitResult, fit
from glossator.training.progress import SilentProgress, StepDone

Bases = Callable[[str], Path]
MakeSplits = Callable[[str], Splits]
SINGLE, MULTI = "single_label_classification", "multi_label_classification"


class Interrupted(Exception):
    """Training was interrupted by the test."""


class Interrupt(SilentProgress):
    """Interrupts training after a given number of batches, like Ctrl-C."""

    def __init__(self, step: int) -> None:
        self._step = step

    def step(self, event: StepDone) -> None:
        if event.step == self._step:
            raise Interrupted


class RecordedStages(SilentProgress):
    """Remembers the names of all stages."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def stage(self, name: str) -> None:
        self.names.append(name)


@pytest.fixture
def splits(topic_splits: MakeSplits) -> Splits:
    """Few rows, so that training is fast."""
    whole = topic_splits(SINGLE)
    return Splits(whole.train.subset(range(0, len(whole.train), 4)), whole.validation, whole.test)


def options(tiny_base: Bases, **changed: Any) -> TrainingConfig:
    chosen = {
        "base": str(tiny_base("bert")),
        "epochs": 2,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "max_length": 32,
        "device": "cpu",
        "precision": "fp32",
        "threads": 1,
        "state_every_seconds": 0.0,
    }
    return TrainingConfig(**(chosen | changed))


def interrupt(splits: Splits, config: TrainingConfig, output: Path, *, step: int = 3) -> None:
    with pytest.raises(Interrupted):
        fit(splits, config, output, progress=Interrupt(step))
    assert output.with_name(output.name + ".partial").is_dir()


def test_fit_learns_the_topics(tiny_checkpoint: Callable[..., Path], topic_splits: MakeSplits) -> None:
    for problem_type in (SINGLE, MULTI):
        folder = tiny_checkpoint(problem_type)
        splits = topic_splits(problem_type)
        answers = load_checkpoint(folder).predict(splits.test.texts)
        right = sum(
            set(answer.prediction.labels) == set(labels)  # type: ignore[union-attr]
            for answer, labels in zip(answers, splits.test.labels, strict=True)
        )
        assert right >= 0.9 * len(splits.test)


def test_fit_records_options_and_origin_of_the_model(tiny_base: Bases, splits: Splits, tmp_path: Path) -> None:
    config = options(tiny_base, seed=5)
    fitted = fit(splits, config, tmp_path / "model")
    task = read_task(tmp_path / "model")
    assert task == fitted.task
    provenance = task.provenance
    weights = (tiny_base("bert") / "model.safetensors").read_bytes()
    assert provenance.base_revision == hashlib.sha256(weights).hexdigest()
    assert provenance.corpus_fingerprint == splits.train.fingerprint()
    assert (provenance.corpus_rows, provenance.seed, provenance.algorithm) == (len(splits.train), 5, "finetune")
    assert provenance.config["learning_rate"] == 1e-3
    assert str(tmp_path) not in task.model_dump_json()
    assert (task.encoding.max_length, task.encoding.stride, task.encoding.pad_token_id) == (32, 4, 0)
    assert task.labels == splits.train.label_names
    assert json.loads((tmp_path / "model" / file_names.HISTORY).read_text()) == fitted.outcome.history
    assert not (tmp_path / "model.partial").exists()


def test_fit_writes_the_distributions_of_the_training_rows(tiny_base: Bases, splits: Splits, tmp_path: Path) -> None:
    train = dataclasses.replace(
        splits.train, texts=["\u200b", "where " * 500, *splits.train.texts[2:]]
    )  # the first has no tokens
    stages = RecordedStages()
    changed = dataclasses.replace(splits, train=train)
    fitted = fit(changed, options(tiny_base, epochs=1), tmp_path / "model", progress=stages)
    (long,) = fitted.findings
    assert (long.name, long.count, long.examples) == ("too-long", 1, (f"line {train.lines[1]}: 500 tokens",))
    assert any(name.startswith("found: too-long: 1 (") for name in stages.names)
    reference = parse_reference((tmp_path / "model" / file_names.REFERENCE).read_bytes())
    assert reference.rows == sum(reference.tokens.counts) == len(train)
    assert reference.tokens.counts[0] == reference.tokens.counts[-1] == 1
    assert reference.tokens.edges[-1] >= 500
    assert reference.label_counts == splits.train.label_counts()
    assert sum(reference.confidence.counts) == len(splits.validation)


def test_the_metric_of_fit_uses_the_decoder_of_the_service(
    tiny_base: Bases, topic_splits: MakeSplits, tmp_path: Path
) -> None:
    splits = topic_splits(SINGLE)
    fitted = fit(splits, options(tiny_base, epochs=3, patience=3), tmp_path / "model")
    answers = load_checkpoint(tmp_path / "model").predict(splits.validation.texts)
    right = [
        answer.prediction.labels == labels  # type: ignore[union-attr]
        for answer, labels in zip(answers, splits.validation.labels, strict=True)
    ]
    assert fitted.metric == "accuracy"
    assert fitted.outcome.best_metric == pytest.approx(np.mean(right))


def test_fit_tunes_thresholds_for_multi_label_and_uses_them_in_the_metric(
    tiny_base: Bases, topic_splits: MakeSplits, tmp_path: Path
) -> None:
    splits = topic_splits(MULTI)
    fitted = fit(splits, options(tiny_base, epochs=3, patience=3), tmp_path / "model")
    pipeline = load_checkpoint(tmp_path / "model")
    given = [answer.prediction.labels for answer in pipeline.predict(splits.validation.texts)]  # type: ignore[union-attr]
    labels = splits.train.label_names
    gold, decided = indicator(splits.validation.labels, labels), indicator(given, labels)
    assert fitted.metric == "macro_f1"
    assert fitted.outcome.best_metric == pytest.approx(f1_score(gold, decided, average="macro", zero_division=0))
    assert fitted.task.calibration.thresholds is not None
    assert fitted.task.calibration.thresholds != [0.5] * len(labels)


def test_fit_without_test_rows_writes_no_file_for_them(tiny_base: Bases, splits: Splits, tmp_path: Path) -> None:
    fit(dataclasses.replace(splits, test=LabelledRows([], [])), options(tiny_base, epochs=1), tmp_path / "model")
    assert not (tmp_path / "model" / file_names.TEST).exists()


def test_fit_continues_where_it_was_interrupted(tiny_base: Bases, splits: Splits, tmp_path: Path) -> None:
    config, stages = options(tiny_base), RecordedStages()
    whole = fit(splits, config, tmp_path / "whole")
    interrupt(splits, config, tmp_path / "model")
    resumed = fit(splits, config, tmp_path / "model", progress=stages)
    assert "resuming at epoch 1, batch 3" in stages.names
    assert resumed.outcome.history == whole.outcome.history
    weights = [(tmp_path / name / file_names.WEIGHTS).read_bytes() for name in ("whole", "model")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    "changed",
    [{"learning_rate": 2e-3}, {"seed": 1}, {"epochs": 3}, {"max_length": 16}, {"label_smoothing": 0.2}],
    ids=str,
)
def test_fit_does_not_resume_with_another_option(
    tiny_base: Bases, splits: Splits, tmp_path: Path, changed: dict[str, Any]
) -> None:
    interrupt(splits, options(tiny_base), tmp_path / "model")
    with pytest.raises(ConfigError, match="other data or options") as caught:
        fit(splits, options(tiny_base, **changed), tmp_path / "model")
    assert "--fresh" in (caught.value.hint or "")


def test_fit_does_not_resume_with_other_rows(tiny_base: Bases, splits: Splits, tmp_path: Path) -> None:
    config = options(tiny_base)
    interrupt(splits, config, tmp_path / "model")
    fewer = dataclasses.replace(splits, train=splits.train.subset(range(1, len(splits.train))))
    reordered = dataclasses.replace(splits, train=splits.train.subset(reversed(range(len(splits.train)))))
    other = dataclasses.replace(splits, validation=splits.validation.subset(range(10)))
    for changed in (fewer, reordered, other):
        with pytest.raises(ConfigError, match="other data or options"):
            fit(changed, config, tmp_path / "model")


def test_fit_does_not_resume_with_another_base_model(tiny_base: Bases, splits: Splits, tmp_path: Path) -> None:
    interrupt(splits, options(tiny_base), tmp_path / "model")
    with pytest.raises(ConfigError, match="other data or options"):
        fit(splits, options(tiny_base, base=str(tiny_base("electra"))), tmp_path / "model")


def test_fit_may_resume_with_another_interval_between_states(tiny_base: Bases, splits: Splits, tmp_path: Path) -> None:
    interrupt(splits, options(tiny_base), tmp_path / "model")
    assert fit(splits, options(tiny_base, state_every_seconds=60.0), tmp_path / "model").outcome.epochs_run == 2


def test_fit_fresh_discards_interrupted_training(tiny_base: Bases, splits: Splits, tmp_path: Path) -> None:
    interrupt(splits, options(tiny_base), tmp_path / "model")
    stages = RecordedStages()
    fitted = fit(splits, options(tiny_base, epochs=1), tmp_path / "model", fresh=True, progress=stages)
    assert fitted.outcome.epochs_run == 1
    assert not any("resuming" in name for name in stages.names)
    assert not (tmp_path / "model.partial").exists()


def test_fit_replaces_only_its_own_output(tiny_base: Bases, splits: Splits, tmp_path: Path) -> None:
    config = options(tiny_base, epochs=1)
    first = fit(splits, config, tmp_path / "model")
    with pytest.raises(OutputError, match="exists already"):
        fit(splits, config, tmp_path / "model")
    assert read_task(tmp_path / "model") == first.task
    other = options(tiny_base, epochs=1, seed=1)
    second = fit(splits, other, tmp_path / "model", overwrite=True, fresh=True)
    assert read_task(tmp_path / "model") == second.task != first.task
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="did not write"):
        fit(splits, config, tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("problem_type", [SINGLE, MULTI])
def test_fit_that_diverges_on_its_last_batch_writes_no_checkpoint(
    tiny_base: Bases, topic_splits: MakeSplits, tmp_path: Path, problem_type: str
) -> None:
    config = options(tiny_base, epochs=1, batch_size=1000, learning_rate=0.9, head_learning_rate_factor=1e39)
    with pytest.raises(ConfigError, match="diverged"):
        fit(topic_splits(problem_type), config, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_fit_rejects_windows_longer_than_the_encoder_allows(tiny_base: Bases, splits: Splits, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="max_length"):
        fit(splits, options(tiny_base, max_length=67), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_fit_prints_nothing(
    tiny_base: Bases, splits: Splits, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fitted: FitResult = fit(splits, options(tiny_base, epochs=1), tmp_path / "model")
    assert fitted.output == tmp_path / "model"
    assert capfd.readouterr() == ("", "")


def test_fit_trains_in_fp32_if_the_family_needs_it(tiny_base: Bases, splits: Splits, tmp_path: Path) -> None:
    (family,) = FP32_ONLY
    fitted = fit(
        splits, options(tiny_base, base=str(tiny_base(family)), epochs=1, precision="auto"), tmp_path / "model"
    )
    assert fitted.device == "cpu, fp32"

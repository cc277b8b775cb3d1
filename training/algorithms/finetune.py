"""Fine-tunes a whole encoder with a new classification head."""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.checkpoint import pipeline as checkpoint_pipeline
from evaluation.rows import LabelledRows, indicator
from evaluation.thresholds import calibrated
from service.bundle.golden import Histogram, Reference
from service.bundle.task import Encoding, Provenance, Task
from service.errors import OutputError
from service.inference.encoding import Encoder
from service.inference.pipeline import Pipeline
from service.tasks.text_classification import decide, probabilities
from training.base_model import BaseModel, learning_rate, open_classifier, open_tokenizer, resolve, window_lengths
from training.batches import make_examples
from training.checkpoint import now, package_versions, write_checkpoint
from training.config import TrainingConfig
from training.corpus.checks import token_length_findings
from training.corpus.corpus import Corpus, Finding
from training.device import choose
from training.progress import Progress, Silent
from training.run import Outcome, run
from training.state import StateFolder


@dataclass(frozen=True, slots=True)
class Splits:
    """The rows of a run. `test` is not looked at: it travels with the checkpoint for export to measure."""

    train: Corpus
    validation: Corpus
    test: LabelledRows


@dataclass(frozen=True, slots=True)
class Fitted:
    """A finished run: where the checkpoint is, what it does, how training went, and what was found in the rows."""

    output: Path
    task: Task
    outcome: Outcome
    device: str
    metric: str
    findings: list[Finding]


def fit(
    splits: Splits,
    config: TrainingConfig,
    output: str | Path,
    *,
    overwrite: bool = False,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Fitted:
    """Trains on `splits.train`, keeps the epoch that does best on `splits.validation`, writes the checkpoint `output`.

    A run that was killed leaves `<output>.partial`; the same call resumes it and comes to the same result. `fresh`
    discards it. Raises ConfigError for options that cannot work, OutputError where the disk refuses.
    """
    import torch

    progress = progress or Silent()
    output = Path(output)
    progress.stage(f"opening the base model {config.base}")
    base = resolve(config.base)
    device = choose(config, family=base.family)
    labels, problem_type = splits.train.label_names, splits.train.problem_type
    state = StateFolder(output)
    if fresh:
        state.discard()
    with tempfile.TemporaryDirectory() as tokenizer_folder:
        tokenizer = open_tokenizer(base)
        _save_tokenizer(tokenizer, tokenizer_folder)
        task = Task(
            problem_type=problem_type,
            labels=labels,
            encoding=_encoding(base, config, tokenizer),
            provenance=_provenance(base, config, splits),
        )
        torch.manual_seed(config.seed)  # the head's first weights
        model = open_classifier(base, labels, problem_type)
        served = checkpoint_pipeline(model, tokenizer_folder, task)
        encoder = Encoder(Path(tokenizer_folder, "tokenizer.json"), task.encoding)
        progress.stage(f"encoding {len(splits.train.texts):,} texts")
        encoded = encoder.encode(splits.train.texts)
        lengths = [text.tokens for text in encoded]
        findings = token_length_findings(splits.train, lengths, task.encoding.max_length - encoder.special_tokens)
        for finding in findings:
            progress.stage(f"found: {finding.name} {finding.count:,}; {finding.what_was_done}")
        examples = make_examples(encoded)
        gold = indicator(splits.validation.labels, labels)
        metric = "macro_f1" if problem_type == "multi_label_classification" else "accuracy"
        outcome = run(
            model,
            examples,
            indicator(splits.train.labels, labels).astype(np.float32),
            config=config,
            learning_rate=learning_rate(base, config),
            pad_token_id=task.encoding.pad_token_id,
            device=device,
            state=state,
            fingerprint=_fingerprint(splits, config, base),
            metric=metric,
            validate=lambda: _validation_metric(served, splits.validation.texts, gold),
            progress=progress,
        )
        progress.stage("writing the checkpoint")
        model.to("cpu")
        logits = served.logits(splits.validation.texts)
        task = calibrated(task, gold, logits)
        write_checkpoint(
            output,
            model=model,
            tokenizer_folder=Path(tokenizer_folder),
            task=task,
            reference=_reference(splits.train, lengths, probabilities(logits, task), labels),
            validation=LabelledRows(splits.validation.texts, splits.validation.labels),
            test=splits.test,
            history=outcome.history,
            overwrite=overwrite,
        )
    state.discard()
    return Fitted(output, task, outcome, str(device), metric, findings)


def _save_tokenizer(tokenizer: Any, folder: str) -> None:
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:  # the tokenizers library raises no other, for a full disk too
        raise OutputError(
            "the tokenizer cannot be written to the folder of temporary files",
            found=error,
            way_out="Free some space, or set TMPDIR to a folder that has some.",
        ) from error


def _validation_metric(served: Pipeline, texts: list[str], gold: NDArray[np.bool_]) -> float:
    """Accuracy, or for multi-label macro-F1 at the thresholds that suit these rows best; NaN where logits are none."""
    from sklearn.metrics import accuracy_score, f1_score

    logits = served.logits(texts)
    if not np.isfinite(logits).all():
        return math.nan
    task = served.task
    if task.problem_type == "single_label_classification":
        return float(accuracy_score(gold, decide(probabilities(logits, task), task)))
    task = calibrated(task, gold, logits)
    return float(f1_score(gold, decide(probabilities(logits, task), task), average="macro", zero_division=0))


def _encoding(base: BaseModel, config: TrainingConfig, tokenizer: Any) -> Encoding:
    max_length, stride = window_lengths(base, config)
    return Encoding(max_length=max_length, stride=stride, pad_token_id=tokenizer.pad_token_id or 0)


def _provenance(base: BaseModel, config: TrainingConfig, splits: Splits) -> Provenance:
    packages = package_versions()
    options = config.model_dump(exclude={"seed", "base", "state_every_seconds"})
    return Provenance(
        corpus_fingerprint=splits.train.fingerprint(),
        corpus_rows=len(splits.train.texts),
        base_model=base.name,
        base_revision=base.revision,
        algorithm="finetune",
        config=options | {"learning_rate": learning_rate(base, config)},
        seed=config.seed,
        code_version=packages["glossator"],
        packages=packages,
        created=now(),
    )


def _fingerprint(splits: Splits, config: TrainingConfig, base: BaseModel) -> str:
    """Names a run: rows in their order, options that decide the result, and the base model's weights."""
    options = config.model_dump(exclude={"state_every_seconds"})
    rows = [splits.train.texts, splits.train.labels, splits.validation.texts, splits.validation.labels]
    return hashlib.sha256(json.dumps([rows, options, base.revision]).encode()).hexdigest()


def _reference(train: Corpus, tokens: list[int], probability: NDArray[np.float64], labels: list[str]) -> Reference:
    edges_wanted = np.round(np.geomspace(1, max(2, *tokens) + 1, 20))
    counts, edges = np.histogram(tokens, bins=np.unique([0, *edges_wanted]))  # a text may come out with no token
    confidence, confidence_edges = np.histogram(probability.max(axis=-1), bins=20, range=(0.0, 1.0))
    label_counts = indicator(train.labels, labels).sum(axis=0)
    return Reference(
        rows=len(train.texts),
        label_counts={label: int(count) for label, count in zip(labels, label_counts, strict=True)},
        tokens=Histogram(edges=edges.tolist(), counts=counts.tolist()),
        confidence=Histogram(edges=confidence_edges.tolist(), counts=confidence.tolist()),
    )

"""Puts a fast bundle's graph in front of the one that is being exported."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.calibration.cascade_gate import fit_gate
from glossator.export.parity import resolvable_margin
from glossator.modeling.labelled_rows import LabelledRows, indicator
from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import BatchCost, CascadeRecord
from glossator.service.bundle.reader import Bundle
from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import ConfigError
from glossator.service.files.hashing import hash_file
from glossator.service.inference.model import load
from glossator.service.tasks.encoded import Text
from glossator.service.tasks.text_classification import decide, probabilities


def check_fast(fast: Bundle, task: Task, tokenizer: Path) -> None:
    """Raises ConfigError where the fast bundle cannot stand in front of a model of `task` with this tokenizer."""
    hint = "Train it on the same rows with the same --base, --seed and lengths, and export it."
    if not isinstance(task, Classifier) or task.problem_type != "single_label_classification":
        raise ConfigError("a cascade needs one label a text", found=task.task, hint="Export without --fast.")
    if fast.manifest.cascade is not None:
        raise ConfigError("the fast bundle is a cascade itself", found=fast.name, hint="Give its fast part alone.")
    theirs = fast.task
    if not isinstance(theirs, Classifier) or (theirs.task, theirs.labels) != (task.task, task.labels):
        raise ConfigError("the two models give other labels", found=f"{fast.name}: {theirs.task}", hint=hint)
    if theirs.encoding != task.encoding or hash_file(fast.path / file_names.TOKENIZER) != hash_file(tokenizer):
        raise ConfigError("the two models part texts into other tokens", found=fast.name, hint=hint)
    if theirs.provenance.corpus_fingerprint != task.provenance.corpus_fingerprint:
        # One of them may have learnt the rows that the gate is fitted on.
        raise ConfigError("the two models were trained on other rows", found=fast.name, hint=hint)


def add_fast(
    folder: Path,
    fast: Path,
    task: Classifier,
    validation: LabelledRows,
    texts: Sequence[Text],
    full: NDArray[np.float64],
) -> CascadeRecord:
    """Copies the served graph of the fast bundle, which `check_fast` has seen, into `folder` and fits the gate on
    validation rows; `full` `(rows, labels)` are the logits of the full model. Raises ConfigError where no share of the
    texts can be shown to be safe."""
    model = load(fast)
    rows = f"{len(validation):,} validation rows"
    fast_task = model.task
    assert isinstance(fast_task, Classifier)
    gold = indicator(validation.labels, task.labels)
    probability = probabilities(model.pipeline.logits(texts), fast_task)
    right = [(decide(each, task) == gold).all(axis=-1) for each in (probability, probabilities(full, task))]
    margin = resolvable_margin(len(validation))
    gate = fit_gate(probability.max(axis=-1), right[0], right[1], margin=margin)
    if gate is None:
        raise ConfigError(
            "no gate is safe: even of the texts that the fast model is surest of too many come out wrong",
            found=f"accuracy {right[0].mean():.4f} against {right[1].mean():.4f} on {rows}",
            expected=f"a share of the texts on which the loss is shown to be under {margin:g}",
            hint="Train a better fast model, give more validation rows, or export without --fast.",
        )
    manifest = model.bundle.manifest
    cost = model.measure_batch_cost()
    shutil.copyfile(model.bundle.path / manifest.served.graph, folder / file_names.GRAPH_FAST)
    return CascadeRecord(
        graph=file_names.GRAPH_FAST,
        precision=manifest.served.precision,
        scheme=manifest.served.scheme,
        temperature=fast_task.calibration.temperature,
        threshold=gate.threshold,
        model=model.version,
        algorithm=fast_task.provenance.algorithm,
        rows=len(validation),
        share=gate.share,
        full_accuracy=gate.comparison.old,
        cascade_accuracy=gate.comparison.new,
        low=gate.comparison.low,
        margin=margin,
        cost=BatchCost(**asdict(cost)),
    )

"""Adds the graph of a fast bundle to the exported one: a cascade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.calibration.cascade_gate import fit_gate
from glossator.export.parity import detectable_margin
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


def check_fast_bundle(fast: Bundle, task: Task, tokenizer: Path) -> None:
    """Raise ConfigError if the fast bundle does not fit a model of `task` with this tokenizer."""
    hint = "Train the fast model on the same rows with the same --base, --seed and lengths, and export it."
    if not isinstance(task, Classifier) or task.problem_type != "single_label_classification":
        raise ConfigError(
            "a cascade needs a task with one label per text", found=task.task, hint="Export without --fast."
        )
    if fast.manifest.cascade is not None:
        raise ConfigError(
            "the fast bundle is a cascade itself", found=fast.name, hint="Pass the bundle of its fast model."
        )
    if fast.manifest.backbone is not None:
        raise ConfigError("a head has no graph of its own, and cannot answer first", found=fast.name, hint=hint)
    fast_task = fast.task
    if not isinstance(fast_task, Classifier) or (fast_task.task, fast_task.labels) != (task.task, task.labels):
        raise ConfigError("the two models have different labels", found=f"{fast.name}: {fast_task.task}", hint=hint)
    if fast_task.encoding != task.encoding or fast.manifest.files[file_names.TOKENIZER].sha256 != hash_file(tokenizer):
        raise ConfigError("the two models tokenise texts differently", found=fast.name, hint=hint)
    if fast_task.provenance.corpus_fingerprint != task.provenance.corpus_fingerprint:
        # One of them may have been trained on the rows that the gate is fitted on.
        raise ConfigError("the two models were trained on different rows", found=fast.name, hint=hint)


def fit_cascade(
    folder: Path,
    fast: Path,
    task: Classifier,
    validation: LabelledRows,
    texts: Sequence[Text],
    full: NDArray[np.float64],
) -> CascadeRecord:
    """Copy the served graph of a checked fast bundle into `folder`, and fit the gate on the validation rows.

    Args:
        folder: The folder of the new bundle.
        fast: The fast bundle, after `check_fast_bundle`.
        task: The calibrated task of the full model.
        validation: The rows that the gate is fitted on.
        texts: Their inputs.
        full: The logits of the full model, `(rows, labels)`.

    Raises:
        ConfigError: Even the answers in which the fast model is most confident may cost more accuracy than the margin.
    """
    model = load(fast)
    rows = f"{len(validation):,} validation rows"
    fast_task = model.task
    assert isinstance(fast_task, Classifier)
    gold = indicator(validation.labels, task.labels)
    probability = probabilities(model.pipeline.logits(texts), fast_task)
    fast_right, full_right = (
        (decide(each, task) == gold).all(axis=-1) for each in (probability, probabilities(full, task))
    )
    margin = detectable_margin(len(validation))
    gate = fit_gate(probability.max(axis=-1), fast_right, full_right, margin=margin)
    if gate is None:
        raise ConfigError(
            "no gate is safe: the fast model is too often wrong even where it is most confident",
            found=f"accuracy {fast_right.mean():.4f}, full model {full_right.mean():.4f}, on {rows}",
            expected=f"a part of the texts on which the accuracy is shown to drop by less than {margin:g}",
            hint="Train a better fast model, provide more validation rows, or export without --fast.",
        )
    manifest = model.bundle.manifest
    cost = model.measure_batch_cost()
    (folder / file_names.GRAPH_FAST).write_bytes(model.bundle.read(manifest.served.graph))
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

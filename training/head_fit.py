"""Trains a head: a linear layer on the vectors of a bundle, which stays as it is.

Every text is encoded once, by the graph that serves. So the head is fitted to the vectors that it will read, and
training needs no weights of the encoder.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.checkpoint_writer import now, package_versions, write_checkpoint
from glossator.modeling.head_checkpoint import HeadModel
from glossator.modeling.labelled_rows import LabelledRows, inputs_of
from glossator.modeling.reference_distributions import make_reference
from glossator.service.bundle.linear_layer import LinearLayer
from glossator.service.bundle.manifest import Backbone
from glossator.service.bundle.task import Provenance, TextClassification, TextEmbedding
from glossator.service.errors import ConfigError
from glossator.service.inference.heads.head_executor import HeadLogits
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import InlineExecutor, Pipeline
from glossator.service.tasks.encoded import windows_of
from glossator.training.algorithms.algorithm import Splits
from glossator.training.algorithms.linear import LinearHead, fit_linear_head
from glossator.training.algorithms.window_vectors import STRENGTHS
from glossator.training.config import TrainingConfig
from glossator.training.fit import FitResult, check_scope, encode_rows
from glossator.training.objectives.labels import SCOPE_ROWS, LabelObjective
from glossator.training.progress import Progress, SilentProgress
from glossator.training.training_loop import Outcome

ALGORITHM = "head"
"""The name of this way to train in the provenance."""


def fit_head(
    splits: Splits,
    config: TrainingConfig,
    output: str | Path,
    backbone: Model,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    run_id: str | None = None,
) -> FitResult:
    """Train a head on a loaded backbone, and write its checkpoint.

    Args:
        splits: The rows.
        config: `seed` and `out_of_scope_share` are used; the windows are those of the backbone.
        output: The folder of the checkpoint.
        backbone: A bundle of vectors.
        overwrite: Replace a checkpoint at `output`.
        progress: Receives events; None: they are ignored.
        run_id: The id of the recorded run, for the provenance of the checkpoint.

    Raises:
        ConfigError: The backbone gives no vectors, or the rows are not for text classification.
        OutputError: Something cannot be written.
    """
    progress, started = progress or SilentProgress(), time.monotonic()
    task = _task(splits, config, backbone, run_id)
    check_scope(splits, config, task)
    objective = LabelObjective(task, config, least_scope_rows=1 if splits.out_of_scope else SCOPE_ROWS)
    train, validation = splits.train.rows(), splits.validation.rows()
    texts = inputs_of(train, task)
    encoded = encode_rows(backbone.pipeline.encoder, texts)
    examples, findings = objective.examples(encoded, train)
    progress.stage(f"computing the vectors of {len(examples):,} windows")
    vectors = _vectors(backbone, windows_of(encoded))
    targets = np.stack([example.target for example in examples])
    weights = np.array([example.weight for example in examples])
    held_out = _HeldOutRows(backbone, validation, task)
    best, chosen = -1.0, None
    for strength in STRENGTHS:
        head = _fit(vectors, targets, weights, task, strength, config.seed)
        score = objective.score(held_out.pipeline(head).logits(validation.texts), validation)
        progress.stage(f"C {strength:g}: validation {objective.metric} {score:.4f}")
        if chosen is not None and score <= best:
            break  # weaker regularisation takes longer to fit: stop at the first that is not better
        best, chosen = score, head
    assert chosen is not None
    pipeline = held_out.pipeline(chosen)
    calibrated = objective.calibrate(pipeline, validation)
    seconds = time.monotonic() - started
    outcome = Outcome(best, 1, 1, seconds, len(train) / max(seconds, 1e-9), [{"epoch": 1.0, objective.metric: best}])
    progress.stage("writing the checkpoint")
    with tempfile.TemporaryDirectory() as no_tokenizer:
        write_checkpoint(
            Path(output),
            model=HeadModel(_layer(chosen), _record(backbone), task),
            tokenizer_folder=Path(no_tokenizer),
            task=calibrated,
            reference=make_reference(
                len(train),
                splits.train.label_counts(),
                [text.tokens for text in encoded],
                objective.confidence(pipeline, validation),
                texts,
            ),
            validation=validation,
            test=splits.test,
            out_of_scope=splits.out_of_scope,
            history=outcome.history,
            seen_texts=[*splits.train.input_keys(), *splits.validation.input_keys()],
            overwrite=overwrite,
        )
    return FitResult(Path(output), calibrated, outcome, backbone.device, objective.metric, findings)


class _HeldOutRows:
    """Answers the validation rows with any head; their vectors are computed once."""

    def __init__(self, backbone: Model, rows: LabelledRows, task: TextClassification) -> None:
        self._encoder, self._task = backbone.pipeline.encoder, task
        windows = windows_of(backbone.pipeline.encode_all(rows.texts))
        self._vectors = dict(zip(map(tuple, windows), _vectors(backbone, windows), strict=True))

    def pipeline(self, head: LinearHead) -> Pipeline:
        """The serving pipeline with this head."""
        logits = HeadLogits(_layer(head))
        run = lambda windows: logits([self._vectors[tuple(window)] for window in windows])  # noqa: E731
        return Pipeline(self._encoder, InlineExecutor(run), self._task)


def _vectors(backbone: Model, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """The vector of each window, `(windows, dimension)`. Equal windows are computed once."""
    distinct = {tuple(window): window for window in windows}
    place = {window: row for row, window in enumerate(distinct)}
    found = np.stack(backbone.batcher.submit(list(distinct.values()), lane="bulk").result())
    return np.asarray(found[[place[tuple(window)] for window in windows]], dtype=np.float32)


def _fit(
    vectors: NDArray[np.float32],
    targets: NDArray[np.float32],
    weights: NDArray[np.float64],
    task: TextClassification,
    strength: float,
    seed: int,
) -> LinearHead:
    """Logistic regression; `strength` is C, the inverse of regularisation."""
    from sklearn.linear_model import LogisticRegression

    return fit_linear_head(
        vectors,
        targets,
        weights,
        task,
        lambda: LogisticRegression(C=strength, max_iter=1000, random_state=seed),
    )


def _layer(head: LinearHead) -> LinearLayer:
    return LinearLayer(head.weights.T.astype(np.float32), head.bias.astype(np.float32))


def _record(backbone: Model) -> Backbone:
    assert isinstance(backbone.task, TextEmbedding)
    return Backbone(name=backbone.name, digest=backbone.digest, dimension=backbone.task.dimension)


def _task(splits: Splits, config: TrainingConfig, backbone: Model, run_id: str | None) -> TextClassification:
    """The task of the training rows, with the windows of the backbone."""
    if not isinstance(backbone.task, TextEmbedding):
        raise ConfigError(
            "this bundle cannot be a backbone",
            found=f"{backbone.name}: {backbone.task.task}",
            expected="a bundle for text-embedding",
            hint="Import an encoder with `glossator import`, or train one with --task text-embedding.",
        )
    train = splits.train
    if train.task != "text-classification" or train.problem_type == "regression":
        raise ConfigError(
            "only text classification can be a head",
            found=train.describe_problem(),
            expected="texts with one label or any number of labels",
            hint="Train a model of its own, without --backbone.",
        )
    packages = package_versions()
    split_by = {"split_by": splits.groups["by"]} if splits.groups else {}
    provenance = Provenance(
        corpus_fingerprint=train.fingerprint(),
        corpus_rows=len(train.texts),
        base_model=backbone.name,
        base_revision=backbone.digest,
        algorithm=ALGORITHM,
        config={"out_of_scope_share": config.out_of_scope_share, **split_by},
        seed=config.seed,
        code_version=packages["glossator"],
        packages=packages,
        created=now(),
        run=run_id,
    )
    return TextClassification(
        problem_type=train.problem_type,
        labels=train.label_names,
        encoding=backbone.task.encoding,
        provenance=provenance,
    )

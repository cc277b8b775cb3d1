"""Trains a head: a linear layer on the vectors of a bundle, of its texts or its tokens. The bundle stays as it is.

Every text is encoded once, by the graph that serves. So the head is fitted to the vectors that it will read, and
training needs no weights of the encoder.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.checkpoint_writer import now, package_versions, write_checkpoint
from glossator.modeling.head_checkpoint import HeadModel
from glossator.modeling.labelled_rows import inputs_of
from glossator.modeling.reference_distributions import make_reference
from glossator.service.bundle.backbones import dimension_read, reads_tokens
from glossator.service.bundle.checks import HEAD_TASKS
from glossator.service.bundle.linear_layer import LinearLayer
from glossator.service.bundle.manifest import Backbone
from glossator.service.bundle.task import (
    Provenance,
    TextClassification,
    TextEmbedding,
    TokenClassification,
    iob2_tags,
)
from glossator.service.errors import ConfigError
from glossator.service.inference.heads.head_executor import mark_tokens
from glossator.service.inference.model import Model, head_encoder, head_logits
from glossator.service.inference.pipeline import InlineExecutor, Pipeline
from glossator.service.tasks.encoded import Floats, token_vectors, windows_of
from glossator.training.algorithms.algorithm import Splits
from glossator.training.algorithms.linear import fit_linear_head, fit_single_label
from glossator.training.algorithms.window_vectors import STRENGTHS
from glossator.training.batches import Example
from glossator.training.config import TrainingConfig
from glossator.training.fit import FitResult, check_scope, encode_rows
from glossator.training.objectives.entities import IGNORED, EntityObjective
from glossator.training.objectives.labels import SCOPE_ROWS, LabelObjective
from glossator.training.objectives.objective import Objective
from glossator.training.progress import Progress, SilentProgress
from glossator.training.training_loop import Outcome

ALGORITHM = "head"
"""The name of this way to train in the provenance."""
MAX_WORDS = 300_000
"""A head for entities is fitted to at most this many words: 0.5 GB of vectors of 384 numbers."""
WORD_STRENGTHS = (0.1, 0.3, *STRENGTHS)
"""The values of C that are tried for entities. On words of wnut17, 1 was better than 3 on the validation rows."""
HeadTask = TextClassification | TokenClassification


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
        ConfigError: The backbone gives no vectors, or the rows are for another task than a head can have.
        OutputError: Something cannot be written.
    """
    progress, started = progress or SilentProgress(), time.monotonic()
    task = _task(splits, config, backbone, run_id)
    check_scope(splits, config, task)
    objective: Objective
    if isinstance(task, TokenClassification):
        objective = EntityObjective(task)
    else:
        objective = LabelObjective(task, config, least_scope_rows=1 if splits.out_of_scope else SCOPE_ROWS)
    train, validation = splits.train.rows(), splits.validation.rows()
    texts = inputs_of(train, task)
    encoded = encode_rows(head_encoder(backbone, task), texts)
    examples, findings = objective.examples(encoded, train)
    for finding in findings:
        progress.stage(f"found: {finding.message}")
    progress.stage(f"computing the vectors of {len(examples):,} windows")
    targets = _targets(BackboneOutputs(backbone, task, windows_of(encoded)), examples, task, config.seed)
    progress.stage(f"fitting a linear layer to {targets.describe()}")
    held_out = BackboneOutputs(backbone, task, windows_of(backbone.pipeline.encode_all(validation.texts)))
    best, chosen = -1.0, None
    for strength in WORD_STRENGTHS if reads_tokens(task) else STRENGTHS:
        layer = targets.fit(task, strength, config.seed)
        score = objective.validate(held_out.pipeline(layer), validation)
        progress.stage(f"C {strength:g}: validation {objective.metric} {score:.4f}")
        if chosen is not None and score <= best:
            break  # weaker regularisation takes longer to fit: stop at the first that is not better
        best, chosen = score, layer
    assert chosen is not None
    pipeline = held_out.pipeline(chosen)
    calibrated = objective.calibrate(pipeline, validation)
    seconds = time.monotonic() - started
    outcome = Outcome(best, 1, 1, seconds, len(train) / max(seconds, 1e-9), [{"epoch": 1.0, objective.metric: best}])
    progress.stage("writing the checkpoint")
    with tempfile.TemporaryDirectory() as no_tokenizer:
        write_checkpoint(
            Path(output),
            model=HeadModel(chosen, _record(backbone, task), task),
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


class BackboneOutputs:
    """The outputs of a backbone for windows, computed once for all heads that are tried. Equal windows share one."""

    def __init__(self, backbone: Model, task: HeadTask, windows: Sequence[list[int]]) -> None:
        self._backbone, self._task = backbone, task
        distinct = list({tuple(window): window for window in windows}.values())
        marked = mark_tokens(distinct) if reads_tokens(task) else distinct
        outputs = backbone.batcher.submit(marked, lane="bulk").result()
        self._outputs = {tuple(window): output for window, output in zip(distinct, outputs, strict=True)}

    def of(self, window: Sequence[int]) -> Floats:
        """Return the vector of a window; for a task that reads tokens, those of its tokens `(tokens, dimension)`."""
        output = self._outputs[tuple(window)]
        if not reads_tokens(self._task):
            return output
        assert isinstance(self._backbone.task, TextEmbedding)
        dimension = self._backbone.task.token_dimension
        assert dimension is not None
        return token_vectors(output, after=self._backbone.task.dimension, dimension=dimension)

    def pipeline(self, layer: LinearLayer) -> Pipeline:
        """Return the serving pipeline with this layer, for texts with these windows."""
        logits = head_logits(self._backbone, layer, self._task)
        run = lambda windows: logits([self._outputs[tuple(window)] for window in windows])  # noqa: E731
        return Pipeline(head_encoder(self._backbone, self._task), InlineExecutor(run), self._task)


class _Targets(NamedTuple):
    """What the linear layer is fitted to: vectors `(n, dimension)`, their targets and weights `(n,)`."""

    vectors: NDArray[np.float32]
    targets: NDArray[Any]
    """`(n, labels)` of 0 and 1 for windows; `(n,)` numbers of tags for words."""
    weights: NDArray[np.float64]
    available: int
    """The number of words or windows that could be used."""

    def describe(self) -> str:
        what = "windows" if self.targets.ndim == 2 else "words"
        count = f"{len(self.vectors):,}"
        return f"{count} {what}" if self.available == len(self.vectors) else f"{count} of {self.available:,} {what}"

    def fit(self, task: HeadTask, strength: float, seed: int) -> LinearLayer:
        """Return the layer of a logistic regression; `strength` is C, the inverse of regularisation."""
        from sklearn.linear_model import LogisticRegression

        def estimator() -> Any:
            return LogisticRegression(C=strength, max_iter=1000, random_state=seed)

        if isinstance(task, TokenClassification):
            head = fit_single_label(self.vectors, self.targets, self.weights, len(task.labels), estimator)
        else:
            head = fit_linear_head(self.vectors, self.targets, self.weights, task, estimator)
        return LinearLayer(head.weights.T.astype(np.float32), head.bias.astype(np.float32))


def _targets(outputs: BackboneOutputs, examples: Sequence[Example], task: HeadTask, seed: int) -> _Targets:
    """Return windows with their labels, or the first token of each word with its tag; at most MAX_WORDS of these."""
    if not isinstance(task, TokenClassification):
        return _Targets(
            np.stack([outputs.of(example.window) for example in examples]).astype(np.float32),
            np.stack([example.target for example in examples]),
            np.array([example.weight for example in examples]),
            len(examples),
        )
    places = [(row, place) for row, each in enumerate(examples) for place in np.flatnonzero(each.target != IGNORED)]
    chosen = np.arange(len(places))
    if len(places) > MAX_WORDS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(places), MAX_WORDS, replace=False))
    picked = [places[index] for index in chosen]
    return _Targets(
        np.stack([outputs.of(examples[row].window)[place] for row, place in picked]).astype(np.float32),
        np.array([examples[row].target[place] for row, place in picked]),
        np.ones(len(picked)),
        len(places),
    )


def _record(backbone: Model, task: HeadTask) -> Backbone:
    assert isinstance(backbone.task, TextEmbedding)
    dimension = dimension_read(task, backbone.task)
    assert dimension is not None
    return Backbone(name=backbone.name, digest=backbone.digest, dimension=dimension)


def _task(splits: Splits, config: TrainingConfig, backbone: Model, run_id: str | None) -> HeadTask:
    """The task of the training rows, with the windows of the backbone."""
    if not isinstance(backbone.task, TextEmbedding):
        raise ConfigError(
            "this bundle cannot be a backbone",
            found=f"{backbone.name}: {backbone.task.task}",
            expected="a bundle for text-embedding",
            hint="Import an encoder with `glossator import`, or train one with --task text-embedding.",
        )
    train = splits.train
    if train.task not in HEAD_TASKS or train.problem_type == "regression":
        raise ConfigError(
            f"only {' and '.join(HEAD_TASKS)} can be a head",
            found=train.describe_problem(),
            expected="texts with one label or any number of labels, or with entities",
            hint="Train a model of its own, without --backbone.",
        )
    if train.task == "token-classification" and backbone.task.token_dimension is None:
        raise ConfigError(
            "this backbone gives no vectors of tokens, which a head for entities reads",
            found=backbone.version,
            expected="a bundle that was imported or exported with --token-vectors",
            hint="Import the encoder again: glossator import MODEL --token-vectors.",
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
    if train.task == "token-classification":
        return TokenClassification(
            labels=iob2_tags(train.label_names), encoding=backbone.task.encoding, provenance=provenance
        )
    return TextClassification(
        problem_type=train.problem_type,
        labels=train.label_names,
        encoding=backbone.task.encoding,
        provenance=provenance,
    )

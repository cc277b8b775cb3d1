"""Trains a model with any algorithm, from clean rows to a checkpoint: tokens, task, training, calibration, files."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from glossator.evaluation.calibration.out_of_scope import knows_scope, rows_needed
from glossator.modeling.checkpoint_writer import now, package_versions, write_checkpoint
from glossator.modeling.labelled_rows import inputs_of
from glossator.modeling.reference_distributions import make_reference
from glossator.service.bundle import file_names
from glossator.service.bundle.task import (
    Encoding,
    Provenance,
    QuestionAnswering,
    Task,
    TextClassification,
    TextEmbedding,
    TextPair,
    TokenClassification,
    iob2_tags,
)
from glossator.service.errors import ConfigError, CorpusError, Fault, InputError, shorten
from glossator.service.inference.encoding import Encoder, make_encoder
from glossator.service.tasks.encoded import EncodedText, Text
from glossator.training.algorithms.algorithm import Algorithm, Splits, TrainingContext
from glossator.training.algorithms.registry import check_task, find_algorithm
from glossator.training.base_model import (
    BaseModel,
    encoding_of,
    learning_rate,
    open_tokenizer,
    resolve_base_model,
    save_tokenizer,
)
from glossator.training.compute.device import choose_device
from glossator.training.compute.slow_training import SlowTrainingNote
from glossator.training.config import EPOCH_OPTIONS, TrainingConfig
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.findings.token_lengths import long_text_findings
from glossator.training.objectives.answers import AnswerObjective
from glossator.training.objectives.embeddings import EmbeddingObjective
from glossator.training.objectives.entities import EntityObjective
from glossator.training.objectives.labels import SCOPE_ROWS, LabelObjective
from glossator.training.objectives.objective import Objective
from glossator.training.progress import Progress, SilentProgress
from glossator.training.resume_state import ResumeState
from glossator.training.training_loop import Outcome


@dataclass(frozen=True, slots=True)
class FitResult:
    """The result of training: the folder of the checkpoint, its task, how training went, and findings in the rows."""

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
    run_id: str | None = None,
) -> FitResult:
    """Train a model, and write the checkpoint that is the best on the validation rows.

    If the process is killed, `<output>.partial` remains; the same call then continues training, with the same result.

    Args:
        splits: The rows.
        config: The algorithm and its options.
        output: The folder of the checkpoint.
        overwrite: Replace a checkpoint at `output`.
        fresh: Discard unfinished training at `output` instead of continuing it.
        progress: Receives events; None: they are ignored.
        run_id: The id of the recorded run, for the provenance of the checkpoint.

    Raises:
        ConfigError: An option cannot be used, or unfinished training had other options.
        CorpusError: A training row does not fit the encoder's windows.
        OutputError: Something cannot be written.
    """
    import torch

    progress = progress or SilentProgress()
    output = Path(output)
    algorithm = find_algorithm(config.algorithm)
    options = _options(algorithm, config)
    config = algorithm.schedule.fill(config)
    progress.stage(f"opening the base model {config.base}")
    base = resolve_base_model(config.base)
    for line in base.evidence:
        progress.stage(line)
    device = choose_device(config, family=base.family)
    progress = SlowTrainingNote(progress, base.name)
    state = ResumeState(output)
    if fresh:
        state.discard()
    with tempfile.TemporaryDirectory() as tokenizer_folder:
        tokenizer = open_tokenizer(base)
        save_tokenizer(tokenizer, tokenizer_folder)
        provenance = _provenance(base, config, options, splits, run_id)
        task = _task(splits.train, encoding_of(base, config, tokenizer), provenance, base)
        check_task(algorithm, task)
        check_scope(splits, config, task)
        objective = _objective(task, config, splits)
        train = splits.train.rows()
        progress.stage(f"encoding {len(train):,} texts")
        encoder = make_encoder(Path(tokenizer_folder) / file_names.TOKENIZER, task)
        encoded = encode_rows(encoder, inputs_of(train, task))
        lengths = [text.tokens for text in encoded]
        window_tokens = task.encoding.max_length - encoder.special_tokens
        findings = long_text_findings(splits.train, lengths[: len(train)], window_tokens)
        examples, target_findings = objective.examples(encoded, train)
        findings += target_findings
        for finding in findings:
            progress.stage(f"found: {finding.message}")
        torch.manual_seed(config.seed)  # for the initial weights
        context = TrainingContext(
            splits=splits,
            config=config,
            options=options,
            base=base,
            task=task,
            device=device,
            tokenizer_folder=Path(tokenizer_folder),
            special_tokens=frozenset(tokenizer.all_special_ids),
            objective=objective,
            examples=examples,
            state=state,
            fingerprint=_fingerprint(splits, config, base),
            progress=progress,
        )
        model, outcome = algorithm.train(context)
        progress.stage("writing the checkpoint")
        model.to("cpu").eval()
        pipeline = context.pipeline(model)
        task = objective.calibrate(pipeline, context.validation)
        write_checkpoint(
            output,
            model=model,
            tokenizer_folder=Path(tokenizer_folder),
            task=task,
            reference=make_reference(
                len(splits.train.texts),
                splits.train.label_counts(),
                lengths,
                objective.confidence(pipeline, context.validation),
                inputs_of(train, task),
            ),
            validation=context.validation,
            test=splits.test,
            out_of_scope=splits.out_of_scope,
            history=outcome.history,
            seen_texts=[*splits.train.input_keys(), *splits.validation.input_keys(), *splits.unlabelled],
            overwrite=overwrite,
        )
    state.discard()
    return FitResult(output, task, outcome, str(device), objective.metric, findings)


def encode_rows(encoder: Encoder, texts: Sequence[Text]) -> list[EncodedText]:
    """The windows of every text. Raises CorpusError with every row that does not fit the encoder's windows."""
    encoded, faults = [], []
    for row, each in enumerate(encoder.encode(texts), start=1):
        if isinstance(each, InputError):
            faults.append(Fault(each.code, f"{each.message} (found: {each.found})", f"training row {row}"))
        else:
            encoded.append(each)
    if faults:
        raise CorpusError(
            f"{len(faults):,} training rows do not fit the encoder's windows",
            faults=faults,
            hint="Shorten or remove them, or increase --max-length.",
        )
    return encoded


def _options(algorithm: Algorithm, config: TrainingConfig) -> Any:
    """The options of the algorithm itself. Raises ConfigError with every option that is unknown or invalid."""
    known = ", ".join(algorithm.options.model_fields) or "none"
    try:
        return algorithm.options.model_validate(config.options)
    except ValidationError as error:
        faults = [
            Fault(each["type"].replace("_", "-"), f"{each['msg']}, found {shorten(each['input'])}", str(each["loc"][0]))
            for each in error.errors(include_url=False)
        ]
        raise ConfigError(
            f"the options of {algorithm.name} cannot be used",
            expected=f"options of {algorithm.name}: {known}",
            faults=faults,
            hint="See docs/algorithms.md.",
        ) from None


def _task(train: Corpus, encoding: Encoding, provenance: Provenance, base: BaseModel) -> Task:
    """The task of the training rows."""
    shared: dict[str, Any] = {"encoding": encoding, "provenance": provenance}
    if train.task == "token-classification":
        return TokenClassification(labels=iob2_tags(train.label_names), **shared)
    if train.task == "question-answering":
        return QuestionAnswering(**shared)
    if train.task == "text-embedding":
        return TextEmbedding(pooling=base.pooling, dimension=base.dimension, **shared)
    shared |= {"problem_type": train.problem_type, "labels": train.label_names}
    if train.task == "text-classification":
        return TextClassification(**shared)
    scores = train.scores or [0.0, 1.0]
    return TextPair(score_range=(min(scores), max(scores)), **shared)


def check_scope(splits: Splits, config: TrainingConfig, task: Task) -> None:
    """Raise an error if out-of-scope rows are given that the task, or the number of rows, cannot use."""
    share = config.out_of_scope_share
    if not splits.out_of_scope:
        return
    if not knows_scope(task):
        raise ConfigError(
            "only models that give a text exactly one label know out-of-scope texts",
            found=splits.train.describe_problem(),
            hint="Leave --out-of-scope out. Models with any number of labels give no label to such texts.",
        )
    if share == 0.0:
        raise ConfigError(
            "--out-of-scope needs a share of texts that may be refused",
            found="--out-of-scope-share 0",
            hint="Leave the share out, or give one such as 0.05.",
        )
    if len(splits.validation) < rows_needed(share):
        raise ConfigError(
            f"there are too few validation rows to refuse {share:.1%} of the texts",
            found=f"{len(splits.validation):,} validation rows",
            expected=f"{rows_needed(share):,} or more",
            hint="Increase --out-of-scope-share or --validation-share, or give more rows.",
        )


def _objective(task: Task, config: TrainingConfig, splits: Splits) -> Objective:
    """The training objective of a task."""
    if isinstance(task, TokenClassification):
        return EntityObjective(task)
    if isinstance(task, QuestionAnswering):
        return AnswerObjective(task)
    if isinstance(task, TextEmbedding):
        return EmbeddingObjective(task, config, pairs=splits.train.seconds is not None)
    return LabelObjective(task, config, least_scope_rows=1 if splits.out_of_scope else SCOPE_ROWS)


def _provenance(
    base: BaseModel, config: TrainingConfig, options: Any, splits: Splits, run_id: str | None
) -> Provenance:
    packages = package_versions()
    in_epochs = find_algorithm(config.algorithm).trains_in_epochs
    excluded = {"seed", "base", "algorithm", "options", "teacher", "state_every_seconds"}
    options_used = config.model_dump(exclude=excluded if in_epochs else excluded | EPOCH_OPTIONS)
    if in_epochs:
        options_used["learning_rate"] = learning_rate(base, config)
    teacher = {} if config.teacher is None else {"teacher": Path(config.teacher).name}
    split_by = {"split_by": splits.groups["by"]} if splits.groups else {}
    return Provenance(
        corpus_fingerprint=splits.train.fingerprint(),
        corpus_rows=len(splits.train.texts),
        base_model=base.name,
        base_revision=base.revision,
        algorithm=config.algorithm,
        config=options_used | options.model_dump() | teacher | split_by,
        seed=config.seed,
        code_version=packages["glossator"],
        packages=packages,
        created=now(),
        run=run_id,
    )


def _fingerprint(splits: Splits, config: TrainingConfig, base: BaseModel) -> str:
    """A hash of everything that decides the result: rows in their order, options, weights of the base model."""
    options = config.model_dump(exclude={"state_every_seconds"})
    rows = [[side.task, side.texts, side.labels, *side.task_columns()] for side in (splits.train, splits.validation)]
    return hashlib.sha256(json.dumps([rows, splits.unlabelled, options, base.revision]).encode()).hexdigest()

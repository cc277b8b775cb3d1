"""Writes a model that was trained elsewhere as a checkpoint, so that the same export makes a bundle of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glossator.export.importing.foreign_tokenizer import ForeignTokenizer, open_tokenizer
from glossator.export.importing.foreign_weights import load_foreign_model
from glossator.export.importing.last_token import align_padding
from glossator.export.importing.model_source import ModelSource
from glossator.export.importing.onnx_folder import open_onnx_model
from glossator.export.importing.padding_check import check_padding
from glossator.export.importing.recognition import Recognised
from glossator.export.importing.sentence_head import add_modules, vector_size, with_layers
from glossator.export.importing.setfit_folder import add_linear_head
from glossator.export.importing.static_embeddings import open_static
from glossator.export.model_origin import IMPORTED
from glossator.export.onnx_source.onnx_model import OnnxModel
from glossator.modeling.checkpoint_reader import open_inline_pipeline
from glossator.modeling.checkpoint_writer import now, package_versions, write_checkpoint
from glossator.modeling.labelled_rows import LabelledRows, inputs_of, select_rows
from glossator.modeling.reference_distributions import make_reference
from glossator.modeling.torch_session import TorchSession
from glossator.service.bundle.task import (
    Classifier,
    Provenance,
    QuestionAnswering,
    Task,
    TextClassification,
    TextEmbedding,
    TextPair,
    TokenClassification,
)
from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """A foreign model in memory. `evidence`: how its task, its tokenizer and its windows were found."""

    model: Any
    task: Task
    tokenizer_folder: Path
    pipeline: Pipeline
    evidence: list[str]


def open_foreign_model(
    source: ModelSource,
    recognised: Recognised,
    scratch: Path,
    *,
    max_length: int | None = None,
    stride: int | None = None,
    layers: Sequence[int] = (),
) -> ForeignModel:
    """Load model and tokenizer of a folder.

    Args:
        source: The model.
        recognised: What it does.
        scratch: A folder for temporary files, which must exist as long as the model is used.
        max_length: The longest window in tokens; None takes what the files of the model set.
        stride: Tokens that neighbouring windows share; None takes an eighth of a window.
        layers: The layers of an encoder whose vectors are concatenated; none: what the folder says.

    Raises ConfigError if anything is missing or does not fit together.
    """
    folder = source.folder / recognised.subfolder
    characters = None
    if layers:
        recognised = with_layers(recognised, layers)
    if source.onnx is not None:
        if layers:
            raise ConfigError("--layers needs the weights of the model", found=source.onnx, hint="Leave --layers out.")
        model, recognised = open_onnx_model(folder, source.onnx, recognised, scratch)
        tokenizer = open_tokenizer(
            folder, model.config, stated_length=recognised.max_length, max_length=max_length, stride=stride
        )
    elif recognised.sentence is not None and recognised.sentence.is_static:
        static = open_static(folder, recognised.model2vec, max_length=max_length, stride=stride)
        model, tokenizer, characters = static.model, static.tokenizer, static.characters
    else:
        model = load_foreign_model(folder, "text-embedding" if recognised.linear_head else recognised.task)
        tokenizer = open_tokenizer(
            folder, model.config, stated_length=recognised.max_length, max_length=max_length, stride=stride
        )
        tokenizer = align_padding(model, tokenizer)
    if recognised.sentence is not None:
        model = add_modules(
            model, tokenizer, recognised.sentence, source.folder, prompt=recognised.prompt, layers=layers
        )
        if recognised.linear_head is not None:
            model = add_linear_head(model, recognised.sentence, recognised.linear_head)
    task = _task(source, recognised, tokenizer, model, characters)
    _name_labels(model, task)
    tokenizer_folder = scratch / "tokenizer"
    tokenizer.tokenizer.save_pretrained(str(tokenizer_folder))
    session = model.session(task) if isinstance(model, OnnxModel) else TorchSession(model, task)
    pipeline = open_inline_pipeline(session.run, tokenizer_folder, task)
    check_padding(model, session, pipeline, task)
    return ForeignModel(model, task, tokenizer_folder, pipeline, [*recognised.evidence, *tokenizer.evidence])


def usable_rows(foreign: ForeignModel, rows: LabelledRows) -> LabelledRows:
    """Return the rows that the model can read: not those without tokens, nor pairs that do not fit in a window."""
    inputs = inputs_of(rows, foreign.task)
    encoded = foreign.pipeline.encode(inputs)
    broken = {place % len(rows) for place, each in enumerate(encoded) if isinstance(each, InputError)}
    return select_rows(rows, [row for row in range(len(rows)) if row not in broken]) if broken else rows


def write_imported_checkpoint(
    foreign: ForeignModel, output: Path, validation: LabelledRows, test: LabelledRows | None
) -> None:
    """Write the checkpoint folder of a foreign model.

    Args:
        foreign: The model.
        output: The folder, which must not exist.
        validation: The rows by which export proves and calibrates the graph; without labels, only their texts count.
        test: Rows that export measures the bundle on.
    """
    tokens, confidence = _distributions(foreign.pipeline, validation)
    write_checkpoint(
        output,
        model=foreign.model,
        tokenizer_folder=foreign.tokenizer_folder,
        task=foreign.task,
        reference=make_reference(0, dict.fromkeys(_classes(foreign.task), 0), tokens, confidence),
        validation=validation,
        test=LabelledRows([], []) if test is None else test,
        history=[],
        seen_texts=None,
        overwrite=False,
    )


def _distributions(pipeline: Pipeline, rows: LabelledRows) -> tuple[list[int], list[float]]:
    """Return the tokens of each input, and the confidence of each answer."""
    answers = [each for each in pipeline.predict(inputs_of(rows, pipeline.task)) if not isinstance(each, InputError)]
    scores = [pipeline.decoder.summary(each.prediction)[1] for each in answers]
    return [each.tokens for each in answers], [score for score in scores if 0.0 <= score <= 1.0]


def _classes(task: Task) -> Sequence[str]:
    return task.types if isinstance(task, TokenClassification) else task.labels


def _task(
    source: ModelSource, recognised: Recognised, tokenizer: ForeignTokenizer, model: Any, characters: int | None
) -> Task:
    packages = package_versions()
    shared: dict[str, Any] = {
        "encoding": tokenizer.encoding,
        "provenance": Provenance(
            corpus_fingerprint="",
            corpus_rows=0,
            base_model=source.name,
            base_revision=source.revision,
            algorithm=IMPORTED,
            config={"architecture": "ONNX graph" if isinstance(model, OnnxModel) else type(model).__name__},
            seed=0,
            code_version=packages["glossator"],
            packages=packages,
            created=now(),
        ),
    }
    if recognised.task == "token-classification":
        return TokenClassification(labels=recognised.labels, tagging=recognised.tagging, **shared)
    if recognised.task == "question-answering":
        return QuestionAnswering(**shared)
    if recognised.task == "text-embedding":
        return TextEmbedding(
            pooling=recognised.pooling,
            normalized=recognised.normalized,
            dimension=_dimension(model, recognised.pooling),
            prompt=recognised.prompt,
            truncate_characters=characters,
            **shared,
        )
    shared |= {"labels": recognised.labels, "problem_type": recognised.problem_type}
    if recognised.problem_type == "regression":
        shared["score_range"] = recognised.score_range
    return TextPair(**shared) if recognised.task == "text-pair" else TextClassification(**shared)


def _dimension(model: Any, pooling: str | Sequence[str]) -> int:
    return model.vector_size(pooling) if isinstance(model, OnnxModel) else vector_size(model, pooling)


def _name_labels(model: Any, task: Task) -> None:
    """Write the labels into the model's configuration. Raises ConfigError if the head has another number of them."""
    if not task.labels or task.task == "question-answering":
        return
    outputs = model.width if isinstance(model, OnnxModel) else int(model.config.num_labels)
    if outputs != len(task.labels):
        raise ConfigError(
            "the head of the model has another number of outputs than labels",
            found=f"{outputs} outputs",
            expected=f"{len(task.labels)} labels: {', '.join(task.labels)}",
        )
    if isinstance(task, Classifier):
        model.config.problem_type = task.problem_type
    model.config.id2label = dict(enumerate(task.labels))
    model.config.label2id = {label: row for row, label in enumerate(task.labels)}

"""Reads `config.json` of a foreign model: its fields, the head that it names, and the names of its labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glossator.modeling.sentence_transformers_folder import read_modules
from glossator.service.bundle import file_names
from glossator.service.bundle.task import TaskName
from glossator.service.errors import ConfigError

_HEADS: dict[str, TaskName] = {
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
}
_GENERATORS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForSeq2SeqLM")
_ENCODERS = ("Model", "ForMaskedLM", "ForPreTraining")
"""How the names of architectures end whose encoder makes vectors; a head of theirs is not needed."""
_SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "max_position_embeddings")
_MOST_LABELS = 100_000


def read_config(folder: Path) -> dict[str, Any]:
    """Return the fields of `config.json`. Raises ConfigError if the folder holds no model, or the file is damaged."""
    file = folder / file_names.CONFIG
    if not file.is_file() and (model := read_modules(folder)) is not None:
        file = folder / model.encoder / file_names.CONFIG
    if not file.is_file():
        raise ConfigError(
            "this folder holds no model",
            found=", ".join(sorted(each.name for each in folder.iterdir())[:12]) or "an empty folder",
            expected=f"{file_names.CONFIG} and weights, as save_pretrained(folder) writes them",
        )
    try:
        fields = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file} cannot be read", found=error, hint="Copy it again.") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("model_type"), str) or not fields["model_type"]:
        raise ConfigError(f"{file} is not the configuration of a transformers model", expected="a model_type")
    names = fields.get("architectures")
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise _damaged(file, "architectures", "a list of names")
    for name in _SIZES:
        size = fields.get(name)
        if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 1):
            raise _damaged(file, name, "a whole number above 0")
    method = fields.get("quantization_config")
    if method:
        kind = method.get("quant_method") if isinstance(method, dict) else None
        raise ConfigError(
            "the weights of this model are quantized, which loses accuracy before the import can measure it",
            found=f"quantization_config {kind or ''}".strip(),
            expected="weights in fp32, fp16 or bf16",
            hint="Import the model that it was made of; Glossator makes int8 graphs itself.",
        )
    return fields


def task_of_head(config: Mapping[str, Any]) -> TaskName:
    """Return the task of the head that `architectures` names; text-embedding if it is an encoder alone.

    Raises ConfigError for heads that have no task here.
    """
    names: list[str] = config.get("architectures") or []
    for name in names:
        for suffix, task in _HEADS.items():
            if name.endswith(suffix):
                return task
    check_makes_vectors(config)
    for name in names:
        if not name.endswith(_ENCODERS):
            raise ConfigError(
                "the head of this model cannot be imported",
                found=name,
                expected=f"a name that ends in {', '.join(_HEADS)}, or an encoder",
                hint="Pass --task text-embedding to leave out the head and import the encoder.",
            )
    return "text-embedding"


def check_makes_vectors(config: Mapping[str, Any]) -> None:
    """Raise ConfigError for models that generate text, and for those with an encoder and a decoder."""
    names: list[str] = config.get("architectures") or []
    for name in names:
        if name.endswith(_GENERATORS):
            raise ConfigError(
                "this model generates text", found=name, expected="an encoder, or a model with a head for labels"
            )
    if config.get("is_encoder_decoder") is True and not any("Encoder" in name for name in names):
        raise ConfigError(
            "this model has an encoder and a decoder",
            found=", ".join(names) or config["model_type"],
            expected="an encoder, or a model with a head for labels",
        )


def label_names(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the labels in the order of the logits; those of transformers if there are none.

    Raises ConfigError if they are not numbered from 0, if one has no name, or if `num_labels` contradicts them.
    """
    names, count = config.get("id2label"), config.get("num_labels")
    if count is not None and not (isinstance(count, int) and 0 < count <= _MOST_LABELS):
        raise ConfigError("config.json has no usable num_labels", found=count, expected="a whole number above 0")
    if names is None or names == {}:
        return [f"LABEL_{row}" for row in range(count or 2)]
    try:
        numbers = sorted(names, key=int)
    except (TypeError, ValueError):
        raise ConfigError("id2label does not number the labels", found=_shown(names)) from None
    if not isinstance(names, dict) or [int(number) for number in numbers] != list(range(len(numbers))):
        raise ConfigError(
            "id2label does not number the labels",
            found=_shown(names),
            expected=f"the numbers from 0 to {len(numbers) - 1}",
        )
    if count is not None and count != len(names):
        raise ConfigError(
            "num_labels and id2label contradict each other",
            found=f"num_labels {count}, {len(names)} names in id2label",
            hint="Set both to the number of outputs that the head has.",
        )
    empty = [number for number in numbers if names[number] is None]
    if empty:
        raise ConfigError(
            "a label of the model has no name", found=f"number {empty[0]}", hint="Pass --label-names, one per output."
        )
    return [str(names[number]) for number in numbers]


def _shown(names: object) -> str:
    return ", ".join(str(name) for name in list(names)[:12]) if isinstance(names, dict | list) else str(names)


def _damaged(file: Path, name: str, expected: str) -> ConfigError:
    return ConfigError(f"{file} is damaged", found=f"{name} is not {expected}", hint="Copy it again.")

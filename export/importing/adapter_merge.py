"""Merges a LoRA adapter of peft onto its base model: W becomes W + scale * B A (Hu et al. 2021); peft is not needed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from glossator.export.importing.adapter_settings import (
    PICKLED_WEIGHTS,
    SETTINGS,
    WEIGHTS,
    AdapterSettings,
    is_adapter,
    read_settings,
)
from glossator.export.importing.foreign_weights import checked_weights, read_tensors
from glossator.export.importing.model_config import label_names, read_config, task_of_head
from glossator.export.importing.model_source import ModelSource, find_model
from glossator.modeling.sentence_transformers_folder import MODULES
from glossator.modeling.torch_session import auto_class
from glossator.service.bundle import file_names
from glossator.service.bundle.task import TaskName
from glossator.service.errors import ConfigError

_PREFIX = "base_model.model."
_OUTPUTS = ("classifier", "score", "out_proj", "logits_proj")
"""The last parts of the paths of layers that give the logits, in the families of transformers."""
_TEXT_FILES = ("*.json", "*.txt", "*.model", file_names.CARD)
_SAME_MODEL = "Pass the base model that the adapter was trained on as --base."


def merge_adapter(
    source: ModelSource, scratch: Path, *, base: str | None = None, task: TaskName | None = None
) -> tuple[ModelSource, list[str]]:
    """Return the merged model and what was done; the source itself if it is no adapter.

    Args:
        source: The model.
        scratch: A folder for the merged model, which must exist as long as the result is used.
        base: The base model, a folder or a name on the hub; None takes the one that the adapter names.
        task: What the adapter was trained for, if the user says it.

    Raises ConfigError if the base is not found, or if the adapter does not fit it or is of another kind.
    """
    if not is_adapter(source.folder):
        if base is not None:
            raise ConfigError("only an adapter has a base model", found=f"--base {base}", hint="Leave --base out.")
        return source, []
    settings = read_settings(source.folder)
    found = _find_base(settings, base)
    name = next(name for name in (WEIGHTS, PICKLED_WEIGHTS) if (source.folder / name).is_file())
    parts = _parts(read_tensors(source.folder / name))
    merged = scratch / "merged"
    _copy_files(found.folder, merged)
    _copy_files(source.folder, merged)
    wanted = task or settings.task or task_of_head(read_config(found.folder))
    with checked_weights(found.folder) as weights:
        model = _load_base(weights, wanted, parts)
    _merge(model, settings, parts)
    _name_outputs(model, source.folder)
    model.save_pretrained(str(merged))
    lora = sum(1 for kind, _ in parts if kind == "A")
    evidence = f"{SETTINGS}: {lora} LoRA matrices, merged onto {found.name} at {found.revision[:12]}"
    return replace(source, folder=merged), [evidence]


def _find_base(settings: AdapterSettings, base: str | None) -> ModelSource:
    wanted = base or settings.base
    if not wanted:
        raise ConfigError("the adapter names no base model", found=SETTINGS, hint=_SAME_MODEL)
    local = Path(wanted).expanduser().exists()
    try:
        found = find_model(wanted, revision=None if base or local else settings.revision)
    except ConfigError as error:
        raise ConfigError(
            f"the base model of the adapter cannot be used: {error.message}", found=error.found, hint=_SAME_MODEL
        ) from None
    if is_adapter(found.folder):
        raise ConfigError("the base model of the adapter is an adapter too", found=wanted, hint=_SAME_MODEL)
    return found


def _parts(tensors: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Return the tensors by kind and path: `A` and `B` of a module, `embedding A` and `B`, and whole parameters."""
    found: dict[tuple[str, str], Any] = {}
    for name, tensor in tensors.items():
        if ".original_module." in name:  # what a whole module replaces; saved with `bias` all
            continue
        path = name.removeprefix(_PREFIX)
        for part in (".modules_to_save.default.", ".modules_to_save.", ".base_layer."):
            path = path.replace(part, ".")
        kind = "whole"
        for ending, each in (
            (".lora_A.weight", "A"),
            (".lora_B.weight", "B"),
            (".lora_embedding_A", "embedding A"),
            (".lora_embedding_B", "embedding B"),
        ):
            if path.endswith(ending):
                kind, path = each, path.removesuffix(ending)
        if kind == "whole" and ("lora_" in path or "token_adapter" in path):
            raise ConfigError(
                "this variant of LoRA cannot be merged",
                found=name,
                hint="In peft, call merge_and_unload() and save the merged model with save_pretrained(folder).",
            )
        found[kind, path] = tensor.float()
    for kind, path in found:
        other = {"A": "B", "B": "A", "embedding A": "embedding B", "embedding B": "embedding A"}.get(kind)
        if other is not None and (other, path) not in found:
            raise ConfigError("the adapter is incomplete", found=f"{path} without its matrix {other[-1]}")
    return found


def _load_base(folder: Path, task: TaskName, parts: Mapping[tuple[str, str], Any]) -> Any:
    """Load the base with a head as large as that of the adapter. Raises ConfigError if other weights are missing."""
    import torch
    from transformers import AutoConfig
    from transformers.utils import logging

    whole = {path for kind, path in parts if kind == "whole"}
    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    outputs = [
        len(parts["whole", path])
        for path in whole
        if path.endswith(".weight") and path.removesuffix(".weight").rpartition(".")[2] in _OUTPUTS
    ]
    if outputs and outputs[0] != config.num_labels and task != "text-embedding":
        config.num_labels = outputs[0]
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        model, loaded = auto_class(task, config.model_type).from_pretrained(
            str(folder),
            config=config,
            dtype=torch.float32,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except Exception as error:  # config, weights and architecture raise different errors
        raise ConfigError(
            "the base model of the adapter cannot be read",
            found=str(error).strip().split("\n")[0],
            hint=_SAME_MODEL,
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    unused = () if task == "text-classification" else (".pooler.",)
    absent = {*loaded["missing_keys"], *(name for name, *_ in loaded["mismatched_keys"])} - whole
    absent = {name for name in absent if not any(part in f".{name}" for part in unused)}
    if absent:
        raise ConfigError(
            "neither the adapter nor its base has all weights of the model",
            found=f"{len(absent)} are missing, such as {min(absent)}",
            hint=f"{_SAME_MODEL} A new head must be among modules_to_save.",
        )
    return model.eval()


def _merge(model: Any, settings: AdapterSettings, parts: Mapping[tuple[str, str], Any]) -> None:
    """Change the weights of the model. Raises ConfigError if a part belongs to none of them, or has another shape."""
    import torch
    from transformers.pytorch_utils import Conv1D

    with torch.no_grad():
        for (kind, path), tensor in parts.items():
            if kind in ("B", "embedding B"):
                continue
            try:
                weight = model.get_parameter(path if kind == "whole" else f"{path}.weight")
            except AttributeError:
                raise ConfigError("the adapter has weights that its base lacks", found=path, hint=_SAME_MODEL) from None
            change = tensor
            if kind != "whole":
                second = parts[kind.replace("A", "B"), path]
                if tensor.dim() != 2 or second.dim() != 2 or len(tensor) != second.shape[1]:
                    raise _other_shape(path, second, tensor)
                change = settings.scale(path, len(tensor)) * (second @ tensor)
                if kind == "embedding A" or isinstance(model.get_submodule(path), Conv1D):
                    change = change.T
            if change.shape != weight.shape:
                raise _other_shape(path, change, weight)
            weight.copy_(change if kind == "whole" else weight + change)


def _name_outputs(model: Any, folder: Path) -> None:
    """Take the names of the labels from a `config.json` next to the adapter, if there is one."""
    if (folder / file_names.CONFIG).is_file():
        names = label_names(read_config(folder))
        if len(names) == model.config.num_labels:
            model.config.id2label = dict(enumerate(names))
            model.config.label2id = {name: row for row, name in enumerate(names)}


def _other_shape(path: str, found: Any, expected: Any) -> ConfigError:
    return ConfigError(
        "the adapter belongs to another base model",
        found=f"{path}: {' x '.join(map(str, found.shape))}",
        expected=" x ".join(map(str, expected.shape)),
        hint=_SAME_MODEL,
    )


def _copy_files(source: Path, target: Path) -> None:
    """Copy what is not weights: tokenizer, and the modules of sentence-transformers with their weights."""
    target.mkdir(exist_ok=True)
    for pattern in _TEXT_FILES:
        for file in source.glob(pattern):
            if file.name not in (file_names.CONFIG, SETTINGS) and not file.name.endswith(".index.json"):
                shutil.copyfile(file, target / file.name)
    if (source / MODULES).is_file():
        for folder in (each for each in source.iterdir() if each.is_dir() and each.name[:1].isdigit()):
            shutil.copytree(folder, target / folder.name, dirs_exist_ok=True)

"""Loads the model of a foreign folder into memory: safetensors, or pickled weights that a limited process converts."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glossator.export.importing.model_config import read_config
from glossator.modeling.checkpoint_reader import load_model
from glossator.modeling.torch_session import auto_class
from glossator.modeling.weight_files import (
    FP32,
    check_free_memory,
    check_headers,
    check_memory,
    find_weights,
    read_headers,
)
from glossator.service.bundle import file_names
from glossator.service.bundle.task import TaskName
from glossator.service.errors import ConfigError


def load_foreign_model(folder: Path, task: TaskName) -> Any:
    """Load the PyTorch model of a folder in fp32, in evaluation mode.

    Pickled weights (`pytorch_model.bin`) are converted first, in a process of their own that may only read tensors.

    Raises ConfigError if weights are missing, incomplete or too large for the memory, or if the family is not known.
    """
    _refuse_decoders(folder, task)
    with checked_weights(folder) as checked:
        return _load(checked, task)


@contextmanager
def checked_weights(folder: Path) -> Iterator[Path]:
    """Yield a folder with the configuration and the weights as safetensors: the folder itself, or a converted one.

    Raises ConfigError if weights are missing, incomplete or too large for the memory, or if the family is not known.
    """
    config = _known_config(folder)
    files = find_weights(folder)
    if files[0].suffix == ".safetensors":
        headers = read_headers(files)
        check_headers(headers, config)
        check_memory(files, headers, config)
        yield folder
        return
    check_memory(files, {}, config)
    with _converted(folder, files) as converted:
        check_headers(read_headers([converted / file_names.WEIGHTS]), config)
        yield converted


def load_tensors(folder: Path) -> dict[str, Any]:
    """Return the tensors of a folder by name. Raises ConfigError if they are missing or cannot be read."""
    return {name: tensor for file in find_weights(folder) for name, tensor in read_tensors(file).items()}


def read_tensors(file: Path) -> dict[str, Any]:
    """Return the tensors of a file by name; a pickle is converted first. Raises ConfigError if it cannot be read."""
    from safetensors.torch import load_file

    if file.suffix == ".safetensors":
        check_memory([file], read_headers([file]), {})
        return dict(_read(load_file, file))
    check_memory([file], {}, {})
    with _converted(file.parent, [file]) as converted:
        return dict(_read(load_file, converted / file_names.WEIGHTS))


def tensor_names(file: Path) -> list[str]:
    """Return the names of the tensors in a file of safetensors. Raises ConfigError if it cannot be read."""
    from safetensors import safe_open

    with _read(lambda each: safe_open(each, framework="pt"), file) as tensors:
        return list(tensors.keys())


def _read(read: Callable[[Path], Any], file: Path) -> Any:
    from safetensors import SafetensorError

    try:
        return read(file)
    except (SafetensorError, OSError) as error:
        raise ConfigError(f"{file} cannot be read", found=error, hint="Copy it again: it is damaged.") from None


def _refuse_decoders(folder: Path, task: TaskName) -> None:
    """Raise ConfigError for heads that read the last token of a decoder: PyTorch fixes its place in the graph."""
    config = read_config(folder)
    if config.get("is_encoder_decoder") is True and task in ("text-classification", "text-pair", "question-answering"):
        raise ConfigError(
            "this model has an encoder and a decoder, which cannot be converted",
            found=", ".join(config.get("architectures") or [config["model_type"]]),
            expected="an encoder with a head",
            hint="Export it with optimum and import the ONNX file, or choose an encoder, such as a DeBERTa for NLI.",
        )


def _known_config(folder: Path) -> dict[str, Any]:
    """Return the fields of the configuration. Raises ConfigError if transformers does not know the family."""
    import transformers
    from transformers import CONFIG_MAPPING

    from glossator.modeling.registration import register_architectures

    register_architectures()
    config = read_config(folder)
    if config["model_type"] not in CONFIG_MAPPING:
        own_code = "auto_map" in config
        raise ConfigError(
            "this model needs code of its own, which is not run" if own_code else "the family of the model is unknown",
            found=f"model_type {config['model_type']}",
            expected=f"a family of transformers {transformers.__version__}",
            hint="Export it to ONNX where you trust its code, and import the ONNX file."
            if own_code
            else "Update transformers, or choose a model of another family.",
        )
    return config


def _load(folder: Path, task: TaskName) -> Any:
    """Return the model. Raises ConfigError if it is too large, or if a weight is NaN or infinite."""
    size = _size_by_config(folder, task)
    if size is not None:
        check_free_memory(size)
    model = load_model(folder, task)
    for name, parameter in model.named_parameters():
        if not bool(parameter.isfinite().all()):
            raise ConfigError(
                "the weights of the model are not all finite",
                found=f"NaN or infinity in {name}",
                hint="Copy the weights again, or train the model again: its training diverged.",
            )
    return model


def _size_by_config(folder: Path, task: TaskName) -> int | None:
    """Return the bytes of the weights in fp32 that `config.json` describes; None if the family does not tell.

    transformers allocates them, whatever the files of the weights have.
    """
    import torch
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
        with torch.device("meta"):
            model = auto_class(task, config.model_type).from_config(config, trust_remote_code=False)
    except Exception:
        return None
    return FP32 * sum(int(parameter.numel()) for parameter in model.parameters())


@contextmanager
def _converted(folder: Path, files: list[Path]) -> Iterator[Path]:
    """Yield a folder with the configuration and the weights as safetensors."""
    with tempfile.TemporaryDirectory(prefix="glossator-import-") as temporary:
        target = Path(temporary)
        if (folder / file_names.CONFIG).is_file():
            (target / file_names.CONFIG).write_bytes((folder / file_names.CONFIG).read_bytes())
        module = "glossator.export.importing.convert_pickle"
        command = [sys.executable, "-P", "-m", module, str(target / file_names.WEIGHTS)]  # -P: no modules from here
        done = subprocess.run(
            [*command, *map(str, files)], capture_output=True, text=True, env=os.environ | {"PYTHONWARNINGS": "ignore"}
        )
        if done.returncode != 0:
            reason = done.stderr.strip().split("\n")[-1] or f"the process ended with {done.returncode}"
            raise ConfigError(
                "the pickled weights cannot be read without running code from them",
                found=reason,
                expected="a file of tensors only, or safetensors",
                hint="Load the model where you trust it, and save it with save_pretrained(folder).",
            )
        yield target

"""Loads a checkpoint as a pipeline: PyTorch instead of ONNX Runtime, otherwise the code that serves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glossator.modeling.head_checkpoint import is_head
from glossator.modeling.torch_session import TorchSession, auto_class
from glossator.service.bundle import file_names
from glossator.service.bundle.task import Task, TaskName, parse_task
from glossator.service.errors import ConfigError
from glossator.service.inference.encoding import make_encoder
from glossator.service.inference.pipeline import InlineExecutor, Pipeline
from glossator.service.inference.queue.calls import Run


def read_task(folder: str | Path) -> Task:
    """Return the task of a checkpoint folder. Raises ConfigError if `glossator train` did not write the folder."""
    file = Path(folder) / file_names.TASK
    hint = "Give the folder that `glossator train` wrote."
    if not file.is_file():
        expected = f"a folder with {file_names.TASK}"
        raise ConfigError("this is not a checkpoint", found=folder, expected=expected, hint=hint)
    try:
        return parse_task(file.read_bytes())
    except ValueError as error:
        raise ConfigError(f"{file_names.TASK} cannot be read", found=error, hint=hint) from None


def load_checkpoint(folder: str | Path) -> Pipeline:
    """Load the checkpoint in `folder`, in fp32. Raises ConfigError if it cannot be read."""
    task = read_task(folder)
    if is_head(Path(folder)):
        raise ConfigError(
            "the checkpoint of a head cannot answer without its backbone",
            found=folder,
            hint="Export it, and use the bundle: glossator export CHECKPOINT -o BUNDLE.",
        )
    return open_pipeline(load_model(folder, task.task), folder, task)


def open_pipeline(model: Any, folder: str | Path, task: Task) -> Pipeline:
    """Return the serving pipeline around a PyTorch model, with the tokenizer in `folder`."""
    return open_inline_pipeline(TorchSession(model, task).run, folder, task)


def open_inline_pipeline(run: Run, folder: str | Path, task: Task) -> Pipeline:
    """Return the serving pipeline around what runs windows, with the tokenizer in `folder`."""
    encoder = make_encoder(Path(folder) / file_names.TOKENIZER, task)
    return Pipeline(encoder, InlineExecutor(run), task)


def load_model(folder: str | Path, task: TaskName) -> Any:
    """Load a PyTorch model from a folder: fp32, evaluation mode, eager attention (which exports best).

    Raises ConfigError if weights cannot be read or are missing.
    """
    import torch
    from transformers import AutoConfig
    from transformers.utils import logging

    from glossator.modeling.registration import register_architectures

    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # missing weights are reported below
    hint = "Copy the folder again from where the model was saved."
    try:
        register_architectures()
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
        model, loaded = auto_class(task, config.model_type).from_pretrained(
            str(folder),
            config=config,
            dtype=torch.float32,
            trust_remote_code=False,
            use_safetensors=True,
            attn_implementation="eager",
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # reported below, by name
        )
    except Exception as error:  # config, weights and architecture raise different errors
        raise ConfigError(
            "the model cannot be read",
            found=str(error).strip().split("\n")[0],
            expected=f"{file_names.CONFIG}, {file_names.WEIGHTS}",
            hint=hint,
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    other = sorted(loaded["mismatched_keys"])
    if other:
        name, found, expected = other[0]
        raise ConfigError(
            "the weights of the model have other shapes than its config.json says",
            found=f"{name} of {_axes(found)}",
            expected=_axes(expected),
            hint="Copy config.json and the weights from the same model; check the number of labels in id2label.",
        )
    unused = () if task in ("text-classification", "text-pair") else (".pooler.",)
    known = {_without_numbers(name) for name, _ in model.named_parameters()}
    further = sorted(name for name in loaded["unexpected_keys"] if _without_numbers(name) in known)
    if further:  # transformers would leave out whole layers
        raise ConfigError(
            "the weights have more layers than config.json says",
            found=f"{len(further)} more weights, such as {further[0]}",
            hint="Copy config.json and the weights from the same model.",
        )
    absent = sorted(name for name in loaded["missing_keys"] if not any(part in f".{name}" for part in unused))
    if absent:  # transformers would initialise them randomly
        raise ConfigError(
            "weights that the model needs are missing",
            found=f"{len(absent)} are missing, such as {absent[0]}",
            expected="every weight of the model, its head too",
            hint="Import the model after its head was trained; else copy the folder again from where it was saved.",
        )
    _use_full_attention(model)
    return model.eval()


def _without_numbers(name: str) -> str:
    return re.sub(r"\.\d+\.", ".0.", name)


def _axes(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _use_full_attention(model: Any) -> None:
    """Let BigBird read short windows as transformers does: with full attention, not in sparse blocks.

    transformers changes this at the first short window, which tracing for ONNX would undo in part. Windows are never
    longer: see `context_length`.
    """
    for module in list(model.modules()):
        if hasattr(module, "set_attention_type"):
            module.set_attention_type("original_full")

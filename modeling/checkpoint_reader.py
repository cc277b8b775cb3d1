"""Loads a checkpoint as a pipeline: PyTorch instead of ONNX Runtime, otherwise the code that serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from glossator.modeling.torch_session import TorchSession, auto_class
from glossator.service.bundle import file_names
from glossator.service.bundle.task import Task, TaskName, parse_task
from glossator.service.errors import ConfigError
from glossator.service.inference.encoding import make_encoder
from glossator.service.inference.pipeline import InlineExecutor, Pipeline


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
    return open_pipeline(load_model(folder, task.task), folder, task)


def open_pipeline(model: Any, folder: str | Path, task: Task) -> Pipeline:
    """Return the serving pipeline around a PyTorch model, with the tokenizer in `folder`."""
    encoder = make_encoder(Path(folder) / file_names.TOKENIZER, task)
    return Pipeline(encoder, InlineExecutor(TorchSession(model, task).run), task)


def load_model(folder: str | Path, task: TaskName) -> Any:
    """Load the PyTorch model of a checkpoint: fp32, evaluation mode, eager attention (which exports best).

    Raises ConfigError if weights cannot be read or are missing.
    """
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # missing weights are reported below
    hint = "Copy the folder again from where it was trained, or train again."
    try:
        model, loaded = auto_class(task).from_pretrained(
            str(folder),
            dtype=torch.float32,
            trust_remote_code=False,
            use_safetensors=True,
            attn_implementation="eager",
            output_loading_info=True,
        )
    except Exception as error:  # config, weights and architecture raise different errors
        raise ConfigError(
            "the checkpoint cannot be read",
            found=error,
            expected=f"{file_names.CONFIG}, {file_names.WEIGHTS}",
            hint=hint,
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    unused = () if task in ("text-classification", "text-pair") else (".pooler.",)
    absent = sorted(name for name in loaded["missing_keys"] if not any(part in f".{name}" for part in unused))
    if absent:  # transformers would initialise them randomly
        raise ConfigError(
            "the checkpoint's weights do not match its config.json",
            found=f"{len(absent)} weights are missing",
            expected=f"{absent[0]}, ...",
            hint=hint,
        )
    return model.eval()

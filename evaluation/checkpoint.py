"""A checkpoint as a pipeline: PyTorch in the place of ONNX Runtime, and the same code around it as in the service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.bundle import layout
from service.bundle.task import Task
from service.errors import ConfigError
from service.inference.encoding import Encoder
from service.inference.pipeline import Pipeline, Sequential
from service.inference.session import pad


class TorchSession:
    """Runs windows through a PyTorch classifier, in the precision of its weights. `run` as in `service.inference`."""

    def __init__(self, model: Any, *, pad_token_id: int = 0) -> None:
        self.model = model
        self._pad_token_id = pad_token_id

    def run(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Logits `(len(windows), labels)`; the model is left in the mode (training or not) that it was in."""
        import torch

        device = next(self.model.parameters()).device
        input_ids, attention_mask = pad(windows, self._pad_token_id)
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                logits = self.model(
                    input_ids=torch.from_numpy(input_ids).to(device),
                    attention_mask=torch.from_numpy(attention_mask).to(device),
                ).logits
        finally:
            self.model.train(was_training)
        return np.asarray(logits.float().cpu().numpy())  # (batch, labels)


def read_task(folder: str | Path) -> Task:
    """The task of a checkpoint folder; raises ConfigError where it is not one that `glossator train` wrote."""
    file = Path(folder) / layout.TASK
    way_out = "Give the folder that `glossator train` wrote."
    if not file.is_file():
        expected = f"a folder with {layout.TASK}"
        raise ConfigError("this is not a checkpoint", found=folder, expected=expected, way_out=way_out)
    try:
        return Task.model_validate_json(file.read_bytes())
    except ValueError as error:
        raise ConfigError(f"{layout.TASK} cannot be read", found=error, way_out=way_out) from None


def load_checkpoint(folder: str | Path) -> Pipeline:
    """The checkpoint in `folder`, ready to answer in fp32; raises ConfigError where it cannot be read."""
    task = read_task(folder)
    return pipeline(load_classifier(folder), folder, task)


def pipeline(model: Any, folder: str | Path, task: Task) -> Pipeline:
    """A PyTorch classifier as the pipeline that serves, with the tokenizer that `folder` holds."""
    encoder = Encoder(Path(folder) / layout.TOKENIZER, task.encoding)
    session = TorchSession(model, pad_token_id=task.encoding.pad_token_id)
    return Pipeline(encoder, Sequential(session.run), task)


def load_classifier(folder: str | Path) -> Any:
    """The PyTorch classifier of a checkpoint, fp32, in evaluation mode, with plain attention (that exports best).

    Raises ConfigError where its weights cannot be read or are not all there.
    """
    import torch
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # what is absent is told below
    way_out = "Copy the folder again from where it was trained, or train again."
    try:
        model, loaded = AutoModelForSequenceClassification.from_pretrained(
            str(folder),
            dtype=torch.float32,
            trust_remote_code=False,
            use_safetensors=True,
            attn_implementation="eager",
            output_loading_info=True,
        )
    except Exception as error:  # config, weights and architecture each fail in their own way
        raise ConfigError(
            "the checkpoint cannot be read", found=error, expected=f"{layout.CONFIG}, {layout.WEIGHTS}", way_out=way_out
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    if absent := sorted(loaded["missing_keys"]):  # transformers would start them from random numbers
        raise ConfigError(
            "the checkpoint's weights are not those of its config.json",
            found=f"{len(absent)} weights absent",
            expected=f"{absent[0]}, ...",
            way_out=way_out,
        )
    return model.eval()

"""The interface of a training objective, and the forward pass that all objectives use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.labelled_rows import LabelledRows
from glossator.modeling.torch_session import batch_tensors, graph_outputs, takes_token_types
from glossator.service.bundle.task import Task
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.encoded import EncodedText
from glossator.training.batches import Example
from glossator.training.compute.device import Device
from glossator.training.corpus.finding import Finding


class Objective(Protocol):
    """What training needs to know about a kind of task. `metric` is the name of the validation metric."""

    metric: str

    def examples(self, encoded: Sequence[EncodedText], rows: LabelledRows) -> tuple[list[Example], list[Finding]]:
        """The windows to train on with their targets, and findings about targets that do not fit the tokens."""

    def loss(self, model: Any, batch: Sequence[Example], device: Device) -> Any:
        """The weighted mean loss of a batch, a scalar tensor."""

    def validate(self, pipeline: Pipeline, rows: LabelledRows) -> float:
        """The metric on validation rows; higher is better, NaN if outputs of the model are not finite."""

    def calibrate(self, pipeline: Pipeline, rows: LabelledRows) -> Task:
        """The task with parameters of its decoder fitted on validation rows, such as a temperature."""

    def confidence(self, pipeline: Pipeline, rows: LabelledRows) -> NDArray[np.float64]:
        """The confidence of the model in each validation row, from 0 to 1, `(rows,)`. Drift is measured against it."""


def forward(model: Any, task: Task, windows: Sequence[Sequence[int]], device: Device) -> tuple[Any, ...]:
    """The outputs of the model for some windows, as listed in `task.outputs`, in fp32."""
    types = takes_token_types(model, task)
    inputs = batch_tensors(windows, task.encoding.pad_token_id, types=types, device=device.name)
    with device.autocast():
        found = graph_outputs(model, task, **inputs)
    return tuple(each.float() for each in found)


def weights_of(batch: Sequence[Example], device: Device) -> Any:
    """The weights of the examples, `(batch,)`."""
    import torch

    return torch.tensor([example.weight for example in batch], device=device.name)

"""The shape of an objective, and the forward pass that all share."""

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
from glossator.training.corpus.finding import Finding
from glossator.training.device import Device


class Objective(Protocol):
    """One kind of task as training sees it. `metric` names what `validate` gives; higher is better."""

    metric: str

    def examples(self, encoded: Sequence[EncodedText], rows: LabelledRows) -> tuple[list[Example], list[Finding]]:
        """Every window to learn from, and what was noticed while targets were put to its tokens."""

    def loss(self, model: Any, batch: Sequence[Example], device: Device) -> Any:
        """The weighted mean loss of a batch, a scalar tensor."""

    def validate(self, pipeline: Pipeline, rows: LabelledRows) -> float:
        """The metric on validation rows, NaN where the model gives no numbers."""

    def calibrated(self, pipeline: Pipeline, rows: LabelledRows) -> Task:
        """The task with what is fitted on validation rows."""

    def confidence(self, pipeline: Pipeline, rows: LabelledRows) -> NDArray[np.float64]:
        """How sure the model is of each validation row, from 0 to 1: part of the reference that drift is told by."""


def forward(model: Any, task: Task, windows: Sequence[Sequence[int]], device: Device) -> tuple[Any, ...]:
    """The outputs of `task.outputs` for some windows, in fp32."""
    types = takes_token_types(model, task)
    inputs = batch_tensors(windows, task.encoding.pad_token_id, types=types, device=device.name)
    with device.autocast():
        found = graph_outputs(model, task, **inputs)
    return tuple(each.float() for each in found)


def weights_of(batch: Sequence[Example], device: Device) -> Any:
    """The weight of each example, `(batch,)`."""
    import torch

    return torch.tensor([example.weight for example in batch], device=device.name)

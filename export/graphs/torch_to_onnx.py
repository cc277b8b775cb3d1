"""Converts a PyTorch model to one ONNX file with dynamic batch and sequence axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glossator.export.graphs.file_size import check_file_size
from glossator.export.graphs.silence_output import silence_output
from glossator.modeling.torch_session import graph_outputs, takes_token_types
from glossator.service.bundle.task import Task
from glossator.service.errors import ConfigError

OPSET = 20
"""The first operator set with Gelu as one operator, which ONNX Runtime computes in one pass."""
INPUTS = ("input_ids", "attention_mask")
_OUTPUT_PREFIX = "glossator_"
"""Keeps the names of outputs different from those of inner tensors."""


def convert_to_onnx(model: Any, task: Task, destination: Path) -> None:
    """Write the graph of `model` to `destination`, with its weights inside.

    Inputs: `input_ids`, `attention_mask` and, if the model distinguishes two texts by them, `token_type_ids`; int64
    `(batch, seq)`, both axes dynamic. Outputs: those of the task. The graph is traced on two texts of unequal length,
    so that no axis is fixed to 1 and the mask is used.

    Args:
        model: A model of transformers on the CPU, in evaluation mode, with eager attention.
        task: The task.
        destination: The file to write.

    Raises:
        ConfigError: PyTorch cannot export the family, or the weights do not fit into one file.
    """
    import torch

    check_file_size(sum(4 * parameter.numel() for parameter in model.parameters()))

    names = [*INPUTS, *(["token_type_ids"] if takes_token_types(model, task) else [])]

    class GraphInterface(torch.nn.Module):
        """The forward pass with exactly the inputs and outputs of the graph."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return graph_outputs(self.model, task, **dict(zip(names, inputs, strict=True)))

    batch, sequence = 2, 7
    input_ids = torch.arange(batch * sequence).reshape(batch, sequence) % model.config.vocab_size  # (batch, seq)
    attention_mask = torch.ones_like(input_ids)
    attention_mask[1, 4:] = 0
    examples = [input_ids, attention_mask, (torch.arange(sequence) > 3).long().repeat(batch, 1)][: len(names)]
    dynamic = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("sequence", min=1)}
    try:
        with silence_output():
            torch.onnx.export(
                GraphInterface().eval(),
                tuple(examples),
                destination,
                input_names=names,
                output_names=[f"{_OUTPUT_PREFIX}{name}" for name in task.outputs],
                dynamic_shapes={"inputs": tuple(dynamic for _ in names)},
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise ConfigError(
            f"PyTorch cannot export this {model.config.model_type} model to ONNX",
            found=error.__cause__ or error,
            hint="Choose a base model of another family.",
        ) from error
    _name_outputs(destination, list(task.outputs))


def _name_outputs(graph: Path, names: Sequence[str]) -> None:
    """Give the outputs their names, and rename inner tensors that already have these names."""
    import onnx

    model = onnx.load(graph)
    renamed = {name: f"inner_{name}" for name in names} | {f"{_OUTPUT_PREFIX}{name}": name for name in names}
    for node in model.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for item in (*model.graph.output, *model.graph.value_info, *model.graph.initializer):
        item.name = renamed.get(item.name, item.name)
    onnx.checker.check_model(model)
    onnx.save(model, graph)

"""A PyTorch classifier to one ONNX file with free batch and sequence axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from export.quiet import quiet
from service.errors import ConfigError

OPSET = 20
"""The first with Gelu as one operator, which ONNX Runtime runs in one pass."""
INPUTS = ("input_ids", "attention_mask")


def convert(model: Any, destination: Path) -> None:
    """Writes the graph of `model` to `destination`: `input_ids, attention_mask` (int64, batch x seq, both free) to
    `logits` (float32, batch x labels), with its weights inside.

    The graph is traced on a batch of two texts of unequal length, so that neither axis can freeze at 1 and the mask is
    in use. `model` must be on the CPU, in evaluation mode, with eager attention. Raises ConfigError where PyTorch
    cannot export the family.
    """
    import torch

    class LogitsAlone(torch.nn.Module):
        """The forward pass with exactly the inputs and the output of the interface."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
            return logits

    batch, sequence = 2, 7
    input_ids = torch.arange(batch * sequence).reshape(batch, sequence) % model.config.vocab_size  # (batch, seq)
    attention_mask = torch.ones_like(input_ids)
    attention_mask[1, 4:] = 0
    free = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("sequence", min=1)}
    try:
        with quiet():
            torch.onnx.export(
                LogitsAlone().eval(),
                (input_ids, attention_mask),
                destination,
                input_names=list(INPUTS),
                output_names=["logits"],
                dynamic_shapes=dict.fromkeys(INPUTS, free),
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise ConfigError(
            f"PyTorch cannot export this {model.config.model_type} model to ONNX",
            found=error.__cause__ or error,
            way_out="Choose a base of another family.",
        ) from error

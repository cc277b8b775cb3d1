"""A small model with random weights of any family, and the outputs of PyTorch and of its graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from task_factory import make_task

from glossator.export.graphs.activation_ranges import measure_ranges
from glossator.export.graphs.encoder_graph import write_graph
from glossator.export.graphs.encoder_weights import EncoderWeights
from glossator.export.graphs.families.registry import read_encoder
from glossator.export.graphs.graph_builder import Quantization
from glossator.modeling.torch_session import TorchSession, auto_class
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.runtime.session import Session
from glossator.service.tasks.encoded import PairWindow

LENGTHS = (1, 2, 3, 7, 19, 40, 64)
SIZES: dict[str, Any] = {
    "vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "max_position_embeddings": 1_100, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip


class RandomEncoder:
    """A model of a family for a task; its weights are large enough to reveal errors.

    `weights` is None if Glossator does not write the graph of the model itself.
    """

    def __init__(self, family: str, kind: str = "token-classification", **settings: Any) -> None:
        import torch
        from transformers import AutoConfig

        torch.manual_seed(3)
        task = make_task(kind)
        config: Any = AutoConfig.for_model(family, **SIZES | settings)
        config.num_labels = len(getattr(task, "labels", ("start", "end")))
        self.model: Any = auto_class(task.task, family).from_config(config).eval()
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.add_(torch.randn_like(parameter) * (0.3 if parameter.ndim > 1 else 0.1))
        self.pad_token_id = int(config.pad_token_id)
        encoding = task.encoding.model_copy(update={"pad_token_id": self.pad_token_id})
        self.task = task.model_copy(update={"encoding": encoding})
        self.reload(self.model)

    def reload(self, model: Any) -> None:
        """Take over the weights of a changed model."""
        self.model = model
        self.weights: EncoderWeights | None = read_encoder(model, self.task)

    def windows(self, lengths: Sequence[int] = LENGTHS) -> list[list[int]]:
        """Return windows of random tokens of these lengths; two texts each if the task reads two."""
        generator = np.random.default_rng(1)
        found: list[list[int]] = [generator.integers(3, SIZES["vocab_size"], size=each).tolist() for each in lengths]
        return [PairWindow(ids, (len(ids) + 1) // 2) for ids in found] if reads_pairs(self.task) else found

    def torch_outputs(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return all outputs of PyTorch for the windows in one batch, concatenated."""
        return _concatenate(TorchSession(self.model, self.task).run(windows))

    def write(self, destination: Path, *, int8: bool = False) -> Path:
        """Write the graph; in int8 with the ranges of the windows."""
        assert self.weights is not None
        quantization = None
        if int8:
            ranges = measure_ranges(self.weights, self.windows(), pad_token_id=self.pad_token_id)
            quantization = Quantization(ranges)
        write_graph(self.weights, destination, quantization=quantization)
        return destination

    def graph_outputs(self, graph: Path, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return all outputs of a graph for the windows in one batch, concatenated."""
        return _concatenate(Session(graph, pad_token_id=self.pad_token_id).run(windows))


def assert_equals_pytorch(encoder: RandomEncoder, folder: Path, lengths: Sequence[int] = LENGTHS) -> None:
    """Compare the fp32 graph with PyTorch in one batch of texts of these lengths."""
    windows = encoder.windows(lengths)
    expected = encoder.torch_outputs(windows)
    assert np.abs(expected).max() > 0.1
    found = encoder.graph_outputs(encoder.write(folder / "graph.onnx"), windows)
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-5)


def _concatenate(outputs: Sequence[Any]) -> NDArray[np.float32]:
    return np.concatenate([np.asarray(output, dtype=np.float32).ravel() for output in outputs])

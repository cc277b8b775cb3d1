"""Glossator's own graph computes every pooling and layer as PyTorch does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glossator.export.graphs.encoder_graph import write_graph
from glossator.export.graphs.families.registry import read_encoder
from glossator.modeling.torch_session import TorchSession
from glossator.service.bundle.task import Encoding, Provenance, TextEmbedding
from glossator.service.inference.runtime.session import Session

WINDOWS = [[1, 5, 9, 2], [1, 7, 2], [1, *range(5, 40), 2], [1, 2]]
STEPS: list[dict[str, Any]] = [
    {"kind": "dense", "in_features": 64, "out_features": 24, "bias": True, "activation": "tanh", "residual": True},
    {"kind": "normalize"},
    {"kind": "dense", "in_features": 24, "out_features": 24, "bias": False, "activation": "silu", "residual": True},
    {"kind": "layer-norm", "size": 24},
    {"kind": "dense", "in_features": 24, "out_features": 16, "bias": True, "activation": "sigmoid", "residual": False},
    {"kind": "dense", "in_features": 16, "out_features": 16, "bias": True, "activation": "identity", "residual": False},
    {"kind": "truncate", "size": 8},
]


@pytest.fixture(scope="module")
def bert(tiny_base: Any) -> Any:
    from transformers import AutoModel

    return AutoModel.from_pretrained(tiny_base("bert"), attn_implementation="eager").eval()


def largest_difference(model: Any, task: TextEmbedding, folder: Path) -> float:
    """Compares the graph with PyTorch: all windows in a batch, and each alone."""
    weights = read_encoder(model, task)
    assert weights is not None
    write_graph(weights, folder / "graph.onnx")
    graph, torch = Session(folder / "graph.onnx"), TorchSession(model, task)
    expected = np.stack(torch.run(WINDOWS))
    assert expected.shape == (len(WINDOWS), task.dimension)
    alone = np.concatenate([graph.run([window]) for window in WINDOWS])
    return float(max(np.abs(np.stack(graph.run(WINDOWS)) - expected).max(), np.abs(alone - expected).max()))


def make_task(dimension: int, **fields: Any) -> TextEmbedding:
    provenance = Provenance(
        corpus_fingerprint="", corpus_rows=0, base_model="", base_revision="", algorithm="imported", config={}, seed=0,
        code_version="", packages={}, created="",
    )  # fmt: skip
    return TextEmbedding(
        dimension=dimension, encoding=Encoding(max_length=64, stride=8), provenance=provenance, **fields
    )


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize(
    "pooling", ["mean", "cls", "max", "last", "weighted_mean", "mean_sqrt_len", ["cls", "last", "mean"]], ids=str
)
def test_poolings(bert: Any, tmp_path: Path, pooling: Any, normalized: bool) -> None:
    task = make_task(32 * (1 if isinstance(pooling, str) else len(pooling)), pooling=pooling, normalized=normalized)
    assert largest_difference(bert, task, tmp_path) < 1e-5


@pytest.mark.parametrize("skipped", [0, 1])
def test_layers_on_the_vector(bert: Any, tmp_path: Path, skipped: int) -> None:
    import torch

    from glossator.modeling.architectures.text_vector import TextVectorConfig, TextVectorModel
    from glossator.modeling.registration import register_architectures

    register_architectures()
    torch.manual_seed(2)
    config = TextVectorConfig(bert.config, poolings=["weighted_mean", "cls"], skipped=skipped, steps=STEPS)
    model = TextVectorModel(config, bert).eval()
    assert config.dimension == 8
    assert largest_difference(model, make_task(8, normalized=False), tmp_path) < 1e-5


@pytest.mark.parametrize("pooling", ["mean", "max", "weighted_mean", "mean_sqrt_len", "last", "cls"])
def test_tokens_of_a_prompt_are_not_pooled(bert: Any, tmp_path: Path, pooling: str) -> None:
    from glossator.modeling.architectures.text_vector import TextVectorConfig, TextVectorModel
    from glossator.modeling.registration import register_architectures

    register_architectures()
    model = TextVectorModel(TextVectorConfig(bert.config, poolings=[pooling], skipped=1), bert).eval()
    assert largest_difference(model, make_task(32, normalized=False), tmp_path) < 1e-5


@pytest.mark.parametrize("poolings", [["mean"], ["cls", "max"]], ids=str)
def test_vectors_of_several_layers(bert: Any, tmp_path: Path, poolings: list[str]) -> None:
    from glossator.modeling.architectures.text_vector import TextVectorConfig, TextVectorModel
    from glossator.modeling.registration import register_architectures

    register_architectures()
    layers = [0, 1, bert.config.num_hidden_layers]
    config = TextVectorConfig(bert.config, poolings=poolings, layers=layers, steps=[{"kind": "normalize"}])
    task = make_task(32 * len(poolings) * len(layers))
    assert config.dimension == task.dimension
    assert largest_difference(TextVectorModel(config, bert).eval(), task, tmp_path) < 1e-5

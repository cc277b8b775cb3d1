"""The graph of a table of token vectors computes what the PyTorch model computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glossator.export.graphs.quantization import quantize_rows
from glossator.export.graphs.static_graph import is_static, write_static_graph
from glossator.service.inference.runtime.session import Session

WINDOWS = [[1, 5, 9, 2], [3], [7, 7, *range(5, 40)], [3, 3]]


def make_table(**options: Any) -> Any:
    """A table of 300 random rows for 400 tokens, or of a row for each of 300 tokens."""
    import torch

    from glossator.modeling.architectures.static_table import StaticTableConfig, StaticTableModel

    torch.manual_seed(4)
    config = StaticTableConfig(vocab_size=400 if options.get("mapped") else 300, rows=300, hidden_size=16, **options)
    model = StaticTableModel(config).eval()
    torch.nn.init.normal_(model.table.weight)
    if config.mapped:
        model.row_of.copy_(torch.arange(400) % 300)
    if config.weighted:
        model.weights.copy_(torch.rand(config.vocab_size) + 0.5)
    return model


def expected(model: Any) -> np.ndarray[Any, Any]:
    """What PyTorch computes for each window alone."""
    import torch

    with torch.inference_mode():
        found = [model(torch.tensor([window]), torch.ones(1, len(window), dtype=torch.int64)) for window in WINDOWS]
    return np.concatenate([each.embedding.numpy() for each in found])


@pytest.mark.parametrize(
    "options", [{}, {"ignored": 3}, {"weighted": True}, {"mapped": True, "weighted": True, "ignored": 3}], ids=str
)
def test_the_mean_of_the_token_vectors(tmp_path: Path, options: dict[str, Any]) -> None:
    model = make_table(**options)
    assert is_static(model)
    write_static_graph(model, tmp_path / "graph.onnx")
    found = np.stack(Session(tmp_path / "graph.onnx").run(WINDOWS))
    np.testing.assert_allclose(found, expected(model), atol=1e-6)
    assert bool(np.abs(found[1]).max() == 0.0) == ("ignored" in options)


def test_layers_after_the_mean_and_int8_rows(tmp_path: Path) -> None:
    from glossator.modeling.architectures.text_vector import TextVectorConfig, TextVectorModel
    from glossator.modeling.registration import register_architectures

    register_architectures()
    table = make_table(ignored=3)
    steps = [
        {"kind": "dense", "in_features": 16, "out_features": 8, "bias": True, "activation": "tanh", "residual": False},
        {"kind": "normalize"},
    ]
    model = TextVectorModel(TextVectorConfig(table.config, steps=steps), table).eval()
    assert is_static(model)
    write_static_graph(model, tmp_path / "graph.onnx")
    np.testing.assert_allclose(np.stack(Session(tmp_path / "graph.onnx").run(WINDOWS)), expected(model), atol=1e-6)
    quantize_rows(tmp_path / "graph.onnx", tmp_path / "int8.onnx")
    int8 = Session(tmp_path / "int8.onnx")
    np.testing.assert_allclose(np.stack(int8.run(WINDOWS)), expected(model), atol=0.02)
    alone = np.concatenate([int8.run([window]) for window in WINDOWS])
    np.testing.assert_array_equal(alone.round(6), np.stack(int8.run(WINDOWS)).round(6))
    assert (tmp_path / "int8.onnx").stat().st_size < 0.6 * (tmp_path / "graph.onnx").stat().st_size

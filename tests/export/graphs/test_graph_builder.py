"""How constants are stored: equal ones once, tables in 16 bits where that is exact, and at most 2 GB of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from random_encoder import RandomEncoder

from glossator.export.graphs import file_size
from glossator.export.graphs.graph_builder import GraphBuilder, shorten_exactly
from glossator.export.graphs.quantization import quantize_blocks, quantize_rows
from glossator.export.graphs.torch_to_onnx import convert_to_onnx
from glossator.service.errors import ConfigError

VOCABULARY = 300


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16], ids=str)
def test_a_model_saved_in_16_bits_keeps_its_embeddings_so(kind: Any, tmp_path: Path) -> None:
    encoder = RandomEncoder("xlm-roberta", vocab_size=VOCABULARY, pad_token_id=1, type_vocab_size=1)
    with torch.no_grad():
        encoder.model.get_input_embeddings().weight[-1, -1] = 2**-40 if kind is torch.bfloat16 else 0.5
    encoder.reload(encoder.model.to(kind).float())
    windows = encoder.windows()
    graph = encoder.write(tmp_path / "graph.onnx")
    tables = [numpy_helper.to_array(each) for each in onnx.load(graph).graph.initializer]
    assert [each.dtype.name for each in tables if len(each.shape) and len(each) == VOCABULARY] == [
        str(kind).removeprefix("torch.")
    ]
    expected = encoder.torch_outputs(windows)
    np.testing.assert_allclose(encoder.graph_outputs(graph, windows), expected, rtol=0, atol=5e-5)
    for quantize in (quantize_rows, quantize_blocks):
        quantize(graph, tmp_path / "int8.onnx")
        found = encoder.graph_outputs(tmp_path / "int8.onnx", windows)
        assert np.abs(found - expected).mean() < 0.05 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        ([0.5, -1.25, 0.0], np.dtype(np.float16)),
        ([1e30, 0.5], np.dtype(ml_dtypes.bfloat16)),  # too large for fp16
        ([1e-30, 0.5], np.dtype(ml_dtypes.bfloat16)),  # too small
        ([0.1, 0.5], None),
    ],
    ids=str,
)
def test_a_table_is_shortened_only_without_loss(values: list[float], stored: Any) -> None:
    if stored == np.dtype(ml_dtypes.bfloat16):
        values = np.array(values).astype(ml_dtypes.bfloat16).astype(np.float32).tolist()
    table = np.array([values], dtype=np.float32)
    short = shorten_exactly(table)
    assert (None if short is None else short.dtype) == stored
    if short is not None:
        np.testing.assert_array_equal(short.astype(np.float32), table)


def test_equal_constants_are_stored_once() -> None:
    builder = GraphBuilder()
    ones = np.ones((2, 3), dtype=np.float32)
    assert builder.constant(ones) == builder.constant(ones.copy()) == builder.constant(np.asfortranarray(ones))
    assert len({builder.constant(each) for each in (ones, ones.T, ones.astype(np.float64), 2 * ones)}) == 4


@pytest.mark.parametrize("own_graph", [True, False])
def test_a_model_that_does_not_fit_into_one_file_is_refused(
    own_graph: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = RandomEncoder("xlm-roberta", pad_token_id=1)
    weights = 4 * sum(parameter.numel() for parameter in encoder.model.parameters())
    monkeypatch.setattr(file_size, "LARGEST_FILE", weights // 2)
    graph = tmp_path / "graph.onnx"
    write = partial(encoder.write, graph) if own_graph else partial(convert_to_onnx, encoder.model, encoder.task, graph)
    with pytest.raises(ConfigError, match="the model is too large for one ONNX file") as caught:
        write()
    assert "Save the model in fp16" in str(caught.value.hint)
    assert not graph.exists()

"""The int8 graph compared with NumPy, with fp32, and with itself in other batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import TensorProto, helper, numpy_helper

from glossator.export.graphs.int8_weights import quantize_symmetric
from glossator.export.graphs.quantization import quantize_rows
from glossator.modeling.labelled_rows import read_rows
from glossator.service.inference.model import load
from glossator.service.inference.runtime.session import session_options

MATRICES = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(-1e3, 1e3, width=32)
)


@given(MATRICES, st.sampled_from([0, 1]))
def test_symmetric_is_within_half_a_step(weight: np.ndarray, axis: int) -> None:
    values, scale = quantize_symmetric(weight, axis=axis)
    restored = values * np.expand_dims(scale, axis)
    assert values.dtype == np.int8
    assert np.all(np.abs(restored - weight) <= np.expand_dims(scale, axis) * 0.5001)


@pytest.fixture
def graphs(tmp_path: Path) -> tuple[Path, Path, np.ndarray, np.ndarray]:
    """An embedding and two products of it, in fp32 and int8, with the table and one of the weights."""
    generator = np.random.default_rng(3)
    table = generator.normal(size=(400, 16)).astype(np.float32)
    weights = [generator.normal(size=(16, 8)).astype(np.float32) for _ in range(2)]
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "ids"], ["x"]),
            helper.make_node("MatMul", ["x", "w0"], ["y0"]),
            helper.make_node("MatMul", ["x", "w1"], ["y1"]),
            helper.make_node("Add", ["y0", "y1"], ["logits"]),
        ],
        "g",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "seq"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "seq", 8])],
        [
            numpy_helper.from_array(value, name)
            for name, value in zip(("table", "w0", "w1"), (table, *weights), strict=True)
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, tmp_path / "fp32.onnx")
    quantize_rows(tmp_path / "fp32.onnx", tmp_path / "int8.onnx")
    return tmp_path / "fp32.onnx", tmp_path / "int8.onnx", table, weights[0] + weights[1]


def run(graph: Path, ids: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(graph, session_options(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"ids": ids})[0])


def test_products_are_near_numpy(graphs: tuple[Path, Path, np.ndarray, np.ndarray]) -> None:
    _, int8, table, weight = graphs
    ids = np.arange(60).reshape(5, 12)
    exact = table[ids] @ weight
    assert np.abs(run(int8, ids) - exact).max() < 0.03 * np.abs(exact).max()


def test_a_row_does_not_depend_on_its_batch(graphs: tuple[Path, Path, np.ndarray, np.ndarray]) -> None:
    """Also next to a token a thousand times as large, which would dominate a scale of the whole batch."""
    _, int8, _, _ = graphs
    model = onnx.load(int8)
    ids = np.arange(40).reshape(4, 10)
    together = run(int8, ids)
    for row in range(4):
        np.testing.assert_array_equal(run(int8, ids[row : row + 1])[0], together[row])
    scale = next(item for item in model.graph.initializer if item.name == "table_scale")
    large = numpy_helper.to_array(scale).copy()
    large[399] *= 1000
    scale.CopyFrom(numpy_helper.from_array(large, "table_scale"))
    onnx.save(model, int8)
    with_large = np.concatenate([ids, np.full((1, 10), 399)])
    np.testing.assert_array_equal(run(int8, with_large)[:4], together)


def test_a_tensor_is_quantised_once_and_fp32_weights_are_removed(
    graphs: tuple[Path, Path, np.ndarray, np.ndarray],
) -> None:
    model = onnx.load(graphs[1])
    operators = [node.op_type for node in model.graph.node]
    assert operators.count("QuantizeLinear") == 1
    assert operators.count("MatMulIntegerToFloat") == 2
    assert "MatMul" not in operators
    assert not {"table", "w0", "w1"} & {item.name for item in model.graph.initializer}
    assert {item.domain for item in model.opset_import} <= {"", "ai.onnx", "com.microsoft"}


def test_other_texts_of_a_batch_change_nothing_in_a_real_bundle(
    tiny_bundle: Callable[[str], Path], tiny_checkpoint: Callable[[str], Path]
) -> None:
    model = load(tiny_bundle("single_label_classification"))
    assert model.bundle.manifest.served.precision == "int8"
    texts = read_rows(tiny_checkpoint("single_label_classification") / "validation.jsonl").texts
    together = model.pipeline.logits(["refund " * 300, *texts])[1:]
    alone = np.concatenate([model.pipeline.logits([text]) for text in texts])
    assert np.abs(together - alone).max() <= 1e-4
    assert model.bundle.manifest.verification.batch_difference <= 1e-4

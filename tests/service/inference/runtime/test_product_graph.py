from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from glossator.service.bundle.manifest import Precision
from glossator.service.bundle.onnx_inspection import inspect_onnx
from glossator.service.inference.runtime.product_graph import integer_product_graph, product_graph
from glossator.service.inference.runtime.session import session_options


@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 200), (384, 1536)])
def test_the_graph_is_onnx_and_multiplies_like_numpy(precision: Precision, rows: int, columns: int) -> None:
    data = product_graph(rows, columns, precision)
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    weight = next(numpy_helper.to_array(item) for item in model.graph.initializer if item.name == "weight")
    assert weight.shape == (rows, columns)
    session = ort.InferenceSession(data, session_options(), providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(2)
    if precision == "int8":
        x = generator.integers(0, 256, (5, rows)).astype(np.uint8)
        expected = (x.astype(np.int64) - 128) @ weight.astype(np.int64)
        np.testing.assert_array_equal(session.run(None, {"x": x})[0], expected)
    else:
        x = generator.normal(size=(5, rows)).astype(np.float32)
        np.testing.assert_allclose(session.run(None, {"x": x})[0], x @ weight, rtol=1e-3, atol=1e-3)


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(["int8", "fp32"]))
def test_onnx_inspection_finds_the_product(rows: int, columns: int, precision: Precision) -> None:
    summary = inspect_onnx(product_graph(rows, columns, precision), "graph")
    assert summary.faults == []
    assert summary.products == [(rows, columns)]


@pytest.mark.parametrize("zero_point", [0, 7, 128])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 200), (131, 67)])
def test_both_integer_operators_multiply_like_numpy(rows: int, columns: int, zero_point: int) -> None:
    generator = np.random.default_rng(4)
    weight = generator.integers(-128, 128, (rows, columns)).astype(np.int8)
    data = integer_product_graph(weight, zero_point)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    assert inspect_onnx(data, "graph").faults == []
    session = ort.InferenceSession(data, session_options(), providers=["CPUExecutionProvider"])
    x = generator.integers(0, 256, (5, rows)).astype(np.uint8)
    integers, floats = session.run(["integers", "floats"], {"x": x})
    assert (integers.dtype, floats.dtype) == (np.int32, np.float32)
    expected = (x.astype(np.int64) - zero_point) @ weight.astype(np.int64)
    np.testing.assert_array_equal(integers, expected)
    np.testing.assert_array_equal(floats, expected)

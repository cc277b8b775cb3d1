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
from glossator.service.inference.runtime.session import session_options
from glossator.service.measuring.matmul_limit import BATCH_TOKENS, MatmulLimit, measure_limit, product_graph


@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 200), (384, 1536)])
def test_the_graph_is_onnx_and_multiplies_as_numpy_does(precision: Precision, rows: int, columns: int) -> None:
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
def test_our_own_reader_finds_its_product(rows: int, columns: int, precision: Precision) -> None:
    summary = inspect_onnx(product_graph(rows, columns, precision), "graph")
    assert summary.faults == []
    assert summary.products == [(rows, columns)]


def test_a_limit_counts_two_operations_for_each_weight() -> None:
    limit = measure_limit([(32, 32), (32, 64), (32, 64)], precision="int8", workers=1, seconds=0.05)
    assert limit.operations_per_token == 2 * (32 * 32 + 2 * 32 * 64)
    assert 0 < limit.tokens_per_second == limit.operations_per_second / limit.operations_per_token
    assert MatmulLimit(10, 1000.0).tokens_per_second == 100.0


def test_a_larger_product_takes_longer() -> None:
    small, large = (
        measure_limit([shape], precision="fp32", workers=1, seconds=0.2) for shape in ((64, 64), (512, 512))
    )
    assert small.tokens_per_second > 4 * large.tokens_per_second
    assert BATCH_TOKENS / large.tokens_per_second > 1e-5

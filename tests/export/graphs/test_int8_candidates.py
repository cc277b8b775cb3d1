"""The candidates for the int8 graph: their order, and the products that stay in fp32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from task_factory import make_task

from glossator.export.graphs.activation_ranges import measure_ranges
from glossator.export.graphs.encoder_graph import product_input_names, write_graph
from glossator.export.graphs.encoder_weights import EncoderWeights
from glossator.export.graphs.families.registry import read_encoder
from glossator.export.graphs.graph_builder import Range
from glossator.export.graphs.int8_candidates import int8_candidates, rank_by_int8_error
from glossator.modeling.checkpoint_reader import load_model
from glossator.service.inference.runtime.session import Session

WINDOWS = [[1, 10 + number % 40, 11 + number % 7, 2] for number in range(40)]


@pytest.fixture(scope="module")
def weights(tiny_checkpoint: Callable[[str], Path]) -> EncoderWeights:
    found = read_encoder(load_model(tiny_checkpoint("single_label_classification"), "text-classification"), make_task())
    assert found is not None
    return found


@pytest.fixture(scope="module")
def ranges(weights: EncoderWeights) -> dict[str, Range]:
    return measure_ranges(weights, WINDOWS, pad_token_id=0)


@pytest.fixture(scope="module")
def fp32(weights: EncoderWeights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graphs") / "fp32.onnx"
    write_graph(weights, path)
    return path


def logits(graph: Path) -> NDArray[np.float64]:
    return np.stack(Session(graph).run(WINDOWS)).astype(np.float64)


def test_every_candidate_is_near_the_fp32_graph(
    weights: EncoderWeights, ranges: dict[str, Range], fp32: Path, tmp_path: Path
) -> None:
    found = list(int8_candidates(fp32, weights, ranges, logits))
    assert [each.scheme for each in found] == ["static", "row", "static", "static", "block"]
    assert [len(each.excluded) for each in found[:3]] == [0, 0, 1]
    assert set(found[2].excluded) < set(found[3].excluded)
    exact = logits(fp32)
    for each in found:
        each.write(tmp_path / "int8.onnx")
        assert np.abs(logits(tmp_path / "int8.onnx") - exact).max() < 0.1 * np.abs(exact).max(), each


def test_without_weights_only_the_general_candidates_remain(fp32: Path) -> None:
    assert [each.scheme for each in int8_candidates(fp32, None, {}, logits)] == ["row", "block"]


def test_a_table_without_products_has_no_candidate_by_blocks(tmp_path: Path) -> None:
    table = numpy_helper.from_array(np.ones((300, 4), dtype=np.float32), "table")
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [None])
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 4])
    graph = helper.make_graph([helper.make_node("Gather", ["table", "ids"], ["rows"])], "table", [ids], [rows], [table])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), tmp_path / "t.onnx")
    assert [each.scheme for each in int8_candidates(tmp_path / "t.onnx", None, {}, logits)] == ["row"]


def test_the_tensor_with_the_largest_error_comes_first(
    weights: EncoderWeights, ranges: dict[str, Range], fp32: Path
) -> None:
    damaged = "layer.1.context"
    wide = ranges | {damaged: replace(ranges[damaged], low=-1e4, high=1e4)}  # every value rounds to nearly the same
    ranked = rank_by_int8_error(fp32, weights, wide, logits)
    assert ranked[0] == damaged
    assert sorted(ranked) == sorted(product_input_names(weights))

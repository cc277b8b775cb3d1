"""The graph of ALBERT compared with PyTorch, and its shared weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from random_encoder import RandomEncoder, assert_equals_pytorch
from task_factory import TASKS

SIZES = {"embedding_size": 16, "hidden_act": "gelu_new"}


@pytest.mark.parametrize("kind", TASKS)
def test_fp32_equals_pytorch_in_every_task(kind: str, tmp_path: Path) -> None:
    assert_equals_pytorch(RandomEncoder("albert", kind, **SIZES), tmp_path)


@pytest.mark.parametrize(
    "groups",
    [{"num_hidden_groups": 2, "num_hidden_layers": 5}, {"inner_group_num": 2, "num_hidden_layers": 3}],
    ids=str,
)
def test_fp32_equals_pytorch_with_several_groups_of_layers(groups: dict[str, Any], tmp_path: Path) -> None:
    assert_equals_pytorch(RandomEncoder("albert", **SIZES | groups), tmp_path)


@pytest.mark.parametrize("int8", [False, True], ids=["fp32", "int8"])
def test_weights_of_all_layers_are_stored_once(int8: bool, tmp_path: Path) -> None:
    encoder = RandomEncoder("albert", **SIZES | {"num_hidden_layers": 6})
    assert encoder.weights is not None
    assert len(encoder.weights.layers) == 6
    arrays = [
        numpy_helper.to_array(each) for each in onnx.load(encoder.write(tmp_path / "a", int8=int8)).graph.initializer
    ]
    up = [each for each in arrays if each.shape == (32, 64)]
    assert [each.dtype for each in up] == [np.int8 if int8 else np.float32]


def test_int8_is_near_fp32_and_independent_of_the_batch(tmp_path: Path) -> None:
    encoder = RandomEncoder("albert", **SIZES)
    windows = encoder.windows()
    graph = encoder.write(tmp_path / "int8.onnx", int8=True)
    exact, batched = encoder.torch_outputs(windows), encoder.graph_outputs(graph, windows)
    assert np.abs(batched - exact).mean() < 0.05 * np.abs(exact).max()
    alone = np.concatenate([encoder.graph_outputs(graph, [window]) for window in windows])
    assert np.abs(alone - batched).max() < 0.01  # 0 with AVX-512 VNNI

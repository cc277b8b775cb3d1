"""The graphs of DeBERTa, DeBERTa-v2 and v3 compared with PyTorch, in the configurations of published models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from random_encoder import RandomEncoder, assert_equals_pytorch
from task_factory import TASKS

V3: dict[str, Any] = {
    "relative_attention": True, "position_biased_input": False, "share_att_key": True, "norm_rel_ebd": "layer_norm",
    "position_buckets": 16, "max_relative_positions": 40, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0,
}  # fmt: skip
"""DeBERTa-v3, with distances that texts of 64 tokens exceed."""

TRUE_DISTANCES = {"position_buckets": 256, "max_relative_positions": 512}

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "position weights of their own": {"share_att_key": False},
    "only content to position": {"pos_att_type": ["c2p"]},
    "only position to content": {"pos_att_type": ["p2c"]},
    "no position scores": {"pos_att_type": []},
    "no buckets": {"position_buckets": -1},
    "no buckets, short distances": {"position_buckets": -1, "max_relative_positions": 17},
    "buckets that are no multiple of 16": {"position_buckets": 34, "max_relative_positions": 50},
    "distances without norm": {"norm_rel_ebd": "none"},
    "absolute positions too": {"position_biased_input": True},
    "absolute positions alone": {"position_biased_input": True, "relative_attention": False},
    "token types": {"type_vocab_size": 2},
}


V1: dict[str, Any] = {
    "relative_attention": True, "position_biased_input": False, "max_relative_positions": 40, "type_vocab_size": 0,
    "pos_att_type": ["c2p", "p2c"],
}  # fmt: skip

CONFIGURATIONS_V1: dict[str, dict[str, Any]] = {
    "only content to position": {"pos_att_type": ["c2p"]},
    "only position to content": {"pos_att_type": ["p2c"]},
    "distances of the longest text": {"max_relative_positions": -1},
    "absolute positions too": {"position_biased_input": True},
    "absolute positions alone": {"position_biased_input": True, "relative_attention": False},
    "token types": {"type_vocab_size": 2},
}


@pytest.mark.parametrize("kind", TASKS)
def test_fp32_equals_pytorch_in_every_task(kind: str, tmp_path: Path) -> None:
    assert_equals_pytorch(RandomEncoder("deberta-v2", kind, **V3), tmp_path)


@pytest.mark.parametrize("kind", ["token-classification", "text-pair"])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_fp32_equals_pytorch_in_every_configuration(name: str, kind: str, tmp_path: Path) -> None:
    """A classifier reads the first token alone in its last layer; the labels of tokens need all of them."""
    assert_equals_pytorch(RandomEncoder("deberta-v2", kind, **V3 | CONFIGURATIONS[name]), tmp_path)


@pytest.mark.parametrize("kind", TASKS)
def test_fp32_of_the_first_deberta_equals_pytorch_in_every_task(kind: str, tmp_path: Path) -> None:
    assert_equals_pytorch(RandomEncoder("deberta", kind, **V1), tmp_path)


@pytest.mark.parametrize("kind", ["token-classification", "text-pair"])
@pytest.mark.parametrize("name", CONFIGURATIONS_V1)
def test_fp32_of_the_first_deberta_equals_pytorch_in_every_configuration(name: str, kind: str, tmp_path: Path) -> None:
    assert_equals_pytorch(RandomEncoder("deberta", kind, **V1 | CONFIGURATIONS_V1[name]), tmp_path)


@pytest.mark.parametrize("lengths", [(1, 127, 128, 129, 130), (256, 511, 512, 513, 700)], ids=str)
def test_fp32_equals_pytorch_where_distances_share_a_bucket(lengths: tuple[int, ...], tmp_path: Path) -> None:
    assert_equals_pytorch(RandomEncoder("deberta-v2", **V3 | TRUE_DISTANCES), tmp_path, lengths)


@pytest.mark.parametrize("settings", [V3 | TRUE_DISTANCES, V3, V3 | {"position_buckets": -1}], ids=["v3", "few", "all"])
def test_every_distance_has_the_row_of_transformers(settings: dict[str, Any]) -> None:
    from transformers.models.deberta_v2.modeling_deberta_v2 import build_relative_position

    encoder = RandomEncoder("deberta-v2", **settings)
    assert encoder.weights is not None
    rows = encoder.weights.distance_rows
    assert rows is not None
    length, longest = 600, len(rows) // 2
    module = encoder.model.deberta.encoder
    places = torch.zeros(1, length, 1)
    buckets = build_relative_position(places, places, module.position_buckets, module.max_relative_positions)[0]
    middle = len(module.rel_embeddings.weight) // 2
    expected = (buckets + middle).clamp(0, 2 * middle - 1).numpy()
    distance = np.arange(length)[:, np.newaxis] - np.arange(length)
    np.testing.assert_array_equal(rows[np.clip(distance, -longest, longest) + longest], expected)


@pytest.mark.parametrize("kind", ["token-classification", "text-classification"])
def test_int8_is_near_fp32_and_independent_of_the_batch(kind: str, tmp_path: Path) -> None:
    encoder = RandomEncoder("deberta-v2", kind, **V3 | TRUE_DISTANCES)
    windows = encoder.windows()
    graph = encoder.write(tmp_path / "int8.onnx", int8=True)
    exact, batched = encoder.torch_outputs(windows), encoder.graph_outputs(graph, windows)
    assert np.abs(batched - exact).mean() < 0.05 * np.abs(exact).max()
    alone = np.concatenate([encoder.graph_outputs(graph, [window]) for window in windows])
    assert np.abs(alone - batched).max() < 0.01  # 0 with AVX-512 VNNI


def test_int8_stores_the_distances_in_int8(tmp_path: Path) -> None:
    encoder = RandomEncoder("deberta-v2", **V3 | TRUE_DISTANCES)
    assert encoder.weights is not None
    tables = [
        numpy_helper.to_array(each) for each in onnx.load(encoder.write(tmp_path / "a", int8=True)).graph.initializer
    ]
    heads, rows, size = 2, 512, 16
    found = [each.dtype for each in tables if each.shape == (heads, rows, size)]
    assert found == [np.int8] * 2 * len(encoder.weights.layers)


def test_all_layers_pick_scores_from_the_same_places(tmp_path: Path) -> None:
    """The places depend on the shape of the batch alone. A classifier's last layer has one query, and picks nothing."""
    graphs = {
        kind: onnx.load(RandomEncoder("deberta-v2", kind, **V3).write(tmp_path / kind)).graph
        for kind in ("token-classification", "text-classification")
    }
    picks = {kind: [node for node in graph.node if node.op_type == "GatherElements"] for kind, graph in graphs.items()}
    assert len(picks["token-classification"]) == 4
    assert len({node.input[1] for node in picks["token-classification"]}) == 2
    assert len(picks["text-classification"]) == 2


@pytest.mark.parametrize(
    "settings",
    [
        {"conv_kernel_size": 3},
        {"embedding_size": 16},
        {"position_buckets": 5},
        {"hidden_act": "mish"},
        {"pooler_hidden_act": "mish"},
    ],
    ids=str,
)
def test_other_configurations_of_v2_are_left_to_pytorch(settings: dict[str, Any]) -> None:
    assert RandomEncoder("deberta-v2", "text-classification", **V3 | settings).weights is None


@pytest.mark.parametrize("settings", [{"talking_head": True}, {"embedding_size": 16}], ids=str)
def test_other_configurations_of_the_first_deberta_are_left_to_pytorch(settings: dict[str, Any]) -> None:
    assert RandomEncoder("deberta", **V1 | settings).weights is None

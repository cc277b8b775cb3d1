"""The graphs of NomicBERT, GTE and Jina embeddings v3 compared with PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from random_encoder import RandomEncoder, assert_equals_pytorch
from task_factory import TASKS

FAMILIES = ("nomic_bert", "gte", "jina_embeddings_v3")
KINDS = [kind for kind in TASKS if kind != "question-answering"]  # most have no such head


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_fp32_equals_pytorch_in_every_task(family: str, kind: str, tmp_path: Path) -> None:
    assert_equals_pytorch(RandomEncoder(family, kind), tmp_path)


def test_fp32_equals_pytorch_where_answers_are_marked(tmp_path: Path) -> None:
    assert_equals_pytorch(RandomEncoder("jina_embeddings_v3", "question-answering"), tmp_path)


@pytest.mark.parametrize("kind", ["text-pair", "text-embedding"])
def test_fp32_equals_pytorch_without_token_types(kind: str, tmp_path: Path) -> None:
    assert_equals_pytorch(RandomEncoder("gte", kind, type_vocab_size=0), tmp_path)


def test_fp32_equals_pytorch_with_scaled_rotary_positions(tmp_path: Path) -> None:
    rotary = {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.0}
    assert_equals_pytorch(RandomEncoder("nomic_bert", rope_parameters=rotary), tmp_path, (1, 30, 200))


@pytest.mark.parametrize("family", FAMILIES)
def test_int8_is_near_fp32_and_independent_of_the_batch(family: str, tmp_path: Path) -> None:
    encoder = RandomEncoder(family, "text-classification")
    windows = encoder.windows()
    graph = encoder.write(tmp_path / "int8.onnx", int8=True)
    exact, batched = encoder.torch_outputs(windows), encoder.graph_outputs(graph, windows)
    assert np.abs(batched - exact).mean() < 0.05 * np.abs(exact).max()
    alone = np.concatenate([encoder.graph_outputs(graph, [window]) for window in windows])
    assert np.abs(alone - batched).max() < 0.01  # 0 with AVX-512 VNNI


def test_rotary_positions_that_depend_on_the_length_are_left_to_pytorch() -> None:
    rotary = {"rope_type": "dynamic", "rope_theta": 500.0, "factor": 2.0}
    assert RandomEncoder("nomic_bert", rope_parameters=rotary).weights is None

"""A foreign graph with the interface of bundles computes what ONNX Runtime computes with the original."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx_graphs import LABELS, PLAIN, WIDTH, constants_of, toy_graph

from glossator.export.onnx_source.reference_session import ReferenceSession
from glossator.export.onnx_source.surgery import write_adapted
from glossator.service.bundle.onnx_inspection import check_interface, inspect_onnx
from glossator.service.bundle.task import (
    Encoding,
    Provenance,
    QuestionAnswering,
    Task,
    TextClassification,
    TextEmbedding,
    TextPair,
    TokenClassification,
)
from glossator.service.inference.runtime.session import Session
from glossator.service.tasks.encoded import PairWindow

WINDOWS = [[1, 5, 6, 7, 2], [1, 9, 2], [1, 40, 41, 42, 43, 44, 45, 46, 47, 48, 2]]
NAMES = ["a", "b", "c"]
SHARED: dict[str, Any] = {
    "encoding": Encoding(max_length=64, stride=8),
    "provenance": Provenance(
        corpus_fingerprint="", corpus_rows=0, base_model="x", base_revision="", algorithm="imported", config={},
        seed=0, code_version="", packages={}, created="",
    ),
}  # fmt: skip


def classes() -> TextClassification:
    return TextClassification(labels=NAMES, problem_type="single_label_classification", **SHARED)


def adapted_and_original(model: Any, task: Task, folder: Path, windows: list[Any]) -> tuple[Any, Any]:
    """Return the outputs of the adapted graph, and those of the original in ONNX Runtime."""
    source, adapted = folder / "source.onnx", folder / "adapted.onnx"
    onnx.save(model, source)
    write_adapted(source, task, adapted)
    summary = inspect_onnx(adapted.read_bytes(), "adapted.onnx")
    assert summary.faults == []
    assert check_interface(summary, task.outputs, "adapted.onnx") == []
    return Session(adapted).run(windows), ReferenceSession(source, task).run(windows)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="usual"),
        pytest.param({"opset": 13}, id="old operators"),
        pytest.param({"opset": 21}, id="new operators"),
        pytest.param({"inputs": "int32[b,s] input_ids, int32[b,s] attention_mask"}, id="int32 inputs"),
        pytest.param({"inputs": f"{PLAIN}, int64[b,s] token_type_ids"}, id="types of tokens"),
    ],
)
def test_logits_are_those_of_the_original(tmp_path: Path, options: dict[str, Any]) -> None:
    model = toy_graph(**options)
    found, expected = adapted_and_original(model, classes(), tmp_path, WINDOWS)
    constants = constants_of(model)
    by_hand = [constants["table"][window].mean(axis=0) @ constants["head"] for window in WINDOWS]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found, by_hand, atol=1e-5)
    graph = onnx.load(tmp_path / "adapted.onnx").graph
    assert {each.name: each.type.tensor_type.elem_type for each in graph.input} == {
        "input_ids": TensorProto.INT64,
        "attention_mask": TensorProto.INT64,
    }


def test_an_output_with_another_name_becomes_logits(tmp_path: Path) -> None:
    body = "tokens = Gather (table, input_ids) mean = ReduceMean <axes: ints = [1], keepdims: int = 0> (tokens) "
    model = toy_graph(outputs=f"float[b,{LABELS}] output_0", body=f"{body} output_0 = MatMul (mean, head)")
    found, expected = adapted_and_original(model, classes(), tmp_path, WINDOWS[:1])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_inner_tensors_may_have_the_names_of_inputs_and_outputs(tmp_path: Path) -> None:
    body = """
        last_hidden_state = Gather (table, input_ids)
        token_type_ids = ReduceMean <axes: ints = [1], keepdims: int = 0> (last_hidden_state)
        logits = MatMul (token_type_ids, head)
        twice = Add (logits, logits)
    """
    model = toy_graph(outputs=f"float[b,{LABELS}] twice", body=body)
    found, expected = adapted_and_original(model, classes(), tmp_path, WINDOWS[:1])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    outputs = {name for node in onnx.load(tmp_path / "adapted.onnx").graph.node for name in node.output}
    assert "last_hidden_state" not in outputs


def test_nodes_may_have_the_names_of_outputs_as_in_graphs_of_bundles(tmp_path: Path) -> None:
    model = toy_graph()
    model.graph.node[-1].name = "logits"
    found, expected = adapted_and_original(model, classes(), tmp_path, WINDOWS[:1])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_positions_count_from_zero_and_types_mark_the_second_text(tmp_path: Path) -> None:
    body = """
        all = Add (token_type_ids, position_ids)
        real = Mul (all, attention_mask)
        sum = ReduceSum <keepdims: int = 1> (real, along)
        shift = Cast <to: int = 1> (sum)
        tokens = Gather (table, input_ids)
        first = Gather <axis: int = 1> (tokens, zero)
        unshifted = MatMul (first, head)
        logits = Add (unshifted, shift)
    """
    model = toy_graph(inputs=f"{PLAIN}, int64[b,s] token_type_ids, int64[b,s] position_ids", body=body)
    task = TextPair(labels=NAMES, problem_type="single_label_classification", **SHARED)
    windows = [PairWindow([1, 5, 2, 6, 7, 2], 3), PairWindow([1, 5, 2], 2)]
    found, expected = adapted_and_original(model, task, tmp_path, windows)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    constants = constants_of(model)
    start = constants["table"][1] @ constants["head"]
    np.testing.assert_allclose(found, [start + 15 + 3, start + 3 + 1], atol=1e-5)
    names = [each.name for each in onnx.load(tmp_path / "adapted.onnx").graph.input]
    assert names == ["input_ids", "attention_mask", "token_type_ids"]


def test_a_task_of_one_text_gets_types_of_zero(tmp_path: Path) -> None:
    body = """
        sum = ReduceSum <keepdims: int = 1> (token_type_ids, along)
        shift = Cast <to: int = 1> (sum)
        tokens = Gather (table, input_ids)
        first = Gather <axis: int = 1> (tokens, zero)
        unshifted = MatMul (first, head)
        logits = Add (unshifted, shift)
    """
    model = toy_graph(inputs=f"{PLAIN}, int64[b,s] token_type_ids", body=body)
    found, expected = adapted_and_original(model, classes(), tmp_path, WINDOWS)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(onnx.load(tmp_path / "adapted.onnx").graph.input) == 2


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize(
    "pooling", ["mean", "cls", "max", "last", "weighted_mean", "mean_sqrt_len", ["cls", "mean"]], ids=str
)
def test_token_vectors_are_pooled_in_the_graph(tmp_path: Path, pooling: Any, normalized: bool) -> None:
    dimension = WIDTH if isinstance(pooling, str) else 2 * WIDTH
    task = TextEmbedding(pooling=pooling, normalized=normalized, dimension=dimension, **SHARED)
    model = toy_graph("tokens")
    found, expected = adapted_and_original(model, task, tmp_path, WINDOWS)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    from torch import tensor

    from glossator.modeling.pooling import pool

    table = constants_of(model)["table"]
    for window, vector in zip(WINDOWS, found, strict=True):
        theirs = pool(tensor(table[window][None]), tensor([[1] * len(window)]), pooling, normalized=normalized)
        np.testing.assert_allclose(vector, theirs[0], atol=1e-6)


def test_vectors_that_the_graph_pools_are_taken_as_they_are(tmp_path: Path) -> None:
    task = TextEmbedding(normalized=True, dimension=WIDTH, **SHARED)
    model = toy_graph("vectors")
    found, _ = adapted_and_original(model, task, tmp_path, WINDOWS)
    means = [constants_of(model)["table"][window].mean(axis=0) for window in WINDOWS]
    np.testing.assert_allclose(found, [each / np.linalg.norm(each) for each in means], atol=1e-6)


def test_tags_have_logits_for_each_token(tmp_path: Path) -> None:
    task = TokenClassification(labels=["O", "B-X", "I-X"], **SHARED)
    found, expected = adapted_and_original(toy_graph("tags"), task, tmp_path, WINDOWS)
    assert [each.shape for each in found] == [(len(window), LABELS) for window in WINDOWS]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_spans_have_start_and_end_logits(tmp_path: Path) -> None:
    task = QuestionAnswering(**SHARED)
    windows = [PairWindow([1, 5, 2, 6, 7, 2], 3)]
    model = toy_graph("spans")
    found, _ = adapted_and_original(model, task, tmp_path, windows)
    constants = constants_of(model)
    np.testing.assert_allclose(found[0], (constants["table"][windows[0]] @ constants["head"])[:, :2], atol=1e-5)

"""The reader is compared with the `onnx` package and tested with unsafe files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from glossator.service.bundle.onnx_inspection import GraphSummary, check_interface, inspect_onnx


def make_model(
    *,
    inputs: dict[str, list[int | str]] | None = None,
    outputs: dict[str, list[int | str]] | None = None,
    nodes: list[onnx.NodeProto] | None = None,
    initializers: list[onnx.TensorProto] | None = None,
    domains: tuple[str, ...] = ("",),
) -> onnx.ModelProto:
    inputs = {"input_ids": ["batch", "seq"], "attention_mask": ["batch", "seq"]} if inputs is None else inputs
    outputs = {"logits": ["batch", 3]} if outputs is None else outputs
    graph = helper.make_graph(
        nodes or [helper.make_node("Identity", ["input_ids"], ["logits"])],
        "g",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        initializers or [],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, 1) for domain in domains])


def faults(model: onnx.ModelProto) -> list[str]:
    summary = inspect_onnx(model.SerializeToString(), "m.onnx")
    return [fault.name for fault in summary.faults or check_interface(summary, {"logits": (None, 3)}, "m.onnx")]


def test_a_model_of_the_onnx_package_is_read() -> None:
    weights = numpy_helper.from_array(np.ones((4, 3), dtype=np.float32), "w")
    model = make_model(
        inputs={"input_ids": ["b", "s"], "attention_mask": ["b", ""], "w": [4, 3]}, initializers=[weights]
    )
    summary = inspect_onnx(model.SerializeToString(), "m.onnx")
    assert summary == GraphSummary(
        inputs={"input_ids": ["b", "s"], "attention_mask": ["b", ""]},
        outputs={"logits": ["batch", 3]},
        tensors={"w": (4, 3)},
    )


def test_a_valid_graph_has_no_faults() -> None:
    assert faults(make_model(domains=("", "com.microsoft"))) == []


def external_tensor() -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.ones(2, dtype=np.float32), "w")
    onnx.external_data_helper.set_external_data(tensor, "../../etc/passwd")
    tensor.ClearField("raw_data")
    return tensor


def nested(node: onnx.NodeProto, depth: int = 1) -> onnx.NodeProto:
    for _ in range(depth):
        body = helper.make_graph([node], "body", [], [])
        node = helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)
    return node


CUSTOM = helper.make_node("Steal", ["input_ids"], ["logits"], domain="evil.ops")


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (make_model(domains=("", "evil.ops")), "unknown-op-domain"),
        (make_model(nodes=[CUSTOM]), "unknown-op-domain"),
        (make_model(nodes=[nested(CUSTOM, 3)]), "unknown-op-domain"),
        (make_model(initializers=[external_tensor()]), "external-data"),
        (make_model(nodes=[helper.make_node("Constant", [], ["c"], value=external_tensor())]), "external-data"),
        (make_model(nodes=[nested(helper.make_node("Constant", [], ["c"], value=external_tensor()))]), "external-data"),
        (make_model(inputs={"input_ids": [1, "s"], "attention_mask": ["b", "s"]}), "frozen-axis"),
        (make_model(inputs={"input_ids": ["b", 128], "attention_mask": ["b", "s"]}), "frozen-axis"),
        (make_model(outputs={"logits": [1, 3]}), "frozen-axis"),
        (make_model(outputs={"logits": ["b", 4]}), "label-count"),
        (make_model(outputs={"scores": ["b", 3]}), "graph-outputs"),
        (make_model(inputs={"input_ids": ["b", "s"]}), "graph-inputs"),
        (make_model(inputs={"input_ids": ["b", "s"], "attention_mask": ["b", "s"], "x": ["b", "s"]}), "graph-inputs"),
    ],
)
def test_unsafe_graphs_have_a_named_fault(model: onnx.ModelProto, fault: str) -> None:
    assert fault in faults(model)


def test_deeply_nested_graphs_are_malformed() -> None:
    """The protobuf package does not write such a depth, so the bytes are made here."""

    def field(number: int, payload: bytes) -> bytes:
        length, size = len(payload), b""
        while length > 0x7F:
            size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
        return bytes([number << 3 | 2]) + size + bytes([length]) + payload

    graph = b""
    for _ in range(40):
        graph = field(1, field(5, field(6, graph)))  # node, its attribute, the graph in it
    assert [fault.name for fault in inspect_onnx(field(7, graph), "m.onnx").faults] == ["graph-malformed"]


def test_a_tensor_with_too_many_elements_is_a_fault() -> None:
    tensor = numpy_helper.from_array(np.ones(2, dtype=np.float32), "w")
    tensor.ClearField("dims")
    tensor.dims.extend([2**20, 2**20])
    assert faults(make_model(initializers=[tensor])) == ["tensor-too-large"]
    tensor.ClearField("dims")
    tensor.dims.extend([-1])
    assert faults(make_model(initializers=[tensor])) == ["tensor-too-large"]


@given(st.binary(max_size=300))
def test_any_bytes_give_a_description_with_faults(data: bytes) -> None:
    summary = inspect_onnx(data, "m.onnx")
    assert summary.faults


@settings(deadline=None)
@given(st.data())
def test_a_damaged_model_never_raises(data: st.DataObject) -> None:
    model = bytearray(make_model(nodes=[nested(CUSTOM, 3)], initializers=[external_tensor()]).SerializeToString())
    for _ in range(data.draw(st.integers(1, 8))):
        model[data.draw(st.integers(0, len(model) - 1))] = data.draw(st.integers(0, 255))
    summary = inspect_onnx(bytes(model), "m.onnx")
    assert all(fault.where == "m.onnx" for fault in summary.faults)


def test_a_truncated_file_is_malformed(tmp_path: Path) -> None:
    model = make_model().SerializeToString()
    assert [fault.name for fault in inspect_onnx(model[: len(model) // 2], "m.onnx").faults] == ["graph-malformed"]

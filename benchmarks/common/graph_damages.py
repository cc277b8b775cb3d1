"""Ways to spoil an ONNX graph, each with the names of the faults that must be found in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


@dataclass(frozen=True, slots=True)
class GraphEdit:
    """A change to a graph: in place, or the bytes that replace it. `description` completes "the graph ..."."""

    description: str
    caught_by: tuple[str, ...]
    change: Callable[[onnx.ModelProto], bytes | None]


def _another_model(model: onnx.ModelProto) -> None:
    """Turns every weight matrix upside down: the same interface, another function."""
    for tensor in model.graph.initializer:
        if len(tensor.dims) >= 2:
            weights = np.ascontiguousarray(numpy_helper.to_array(tensor)[::-1])
            tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))


def _freeze(which: str, axis: int, size: int) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        for value in (*model.graph.input, *model.graph.output):
            if value.name.startswith(which):
                value.type.tensor_type.shape.dim[axis].dim_value = size

    return change


def _rename(old: str, new: str) -> Callable[[onnx.ModelProto], None]:
    """Renames an input or output everywhere, so that the graph still runs."""

    def change(model: onnx.ModelProto) -> None:
        for value in (*model.graph.input, *model.graph.output):
            value.name = new if value.name == old else value.name
        for node in model.graph.node:
            node.input[:] = [new if name == old else name for name in node.input]
            node.output[:] = [new if name == old else name for name in node.output]

    return change


def _add_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("position_ids", TensorProto.INT64, ["batch", "seq"]))


def _add_output(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Identity", ["logits"], ["scores"]))
    model.graph.output.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", "labels"]))


def _widen_unsaid(model: onnx.ModelProto) -> None:
    """Gives twice the logits, behind a declaration that leaves their number open."""
    _rename("logits", "half")(model)
    model.graph.output[0].name = "logits"
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "labels"
    model.graph.node.append(helper.make_node("Concat", ["half", "half"], ["logits"], axis=1))


def _use_external_data(model: onnx.ModelProto) -> None:
    tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    onnx.external_data_helper.set_external_data(tensor, "../../../etc/passwd")
    tensor.ClearField("raw_data")


def _add_node(operator: str, domain: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node.append(helper.make_node(operator, ["input_ids"], ["unused"], domain=domain))

    return change


def _add_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.example.custom", 1))


def _add_training(model: onnx.ModelProto) -> None:
    model.training_info.add().algorithm.name = "step"


def _claim_much(model: onnx.ModelProto) -> None:
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend([2**20, 2**20])


def _cut(model: onnx.ModelProto) -> bytes:
    data: bytes = model.SerializeToString()
    return data[: len(data) // 2]


EDITS = [
    GraphEdit("is another model's", ("golden-logits",), _another_model),
    GraphEdit("has its batch axis frozen", ("frozen-axis",), _freeze("", 0, 1)),
    GraphEdit("has its sequence axis frozen", ("frozen-axis",), _freeze("input_ids", 1, 128)),
    GraphEdit("has an input renamed", ("graph-inputs",), _rename("attention_mask", "mask")),
    GraphEdit("has an input more", ("graph-inputs",), _add_input),
    GraphEdit("has its output renamed", ("graph-outputs",), _rename("logits", "scores")),
    GraphEdit("has an output more", ("graph-outputs",), _add_output),
    GraphEdit("declares another number of labels", ("label-count",), _freeze("logits", 1, 99)),
    GraphEdit("gives more logits than it declares", ("golden-error",), _widen_unsaid),
    GraphEdit("keeps a tensor in another file", ("external-data",), _use_external_data),
    GraphEdit(
        "has a node of an unknown operator set", ("unknown-op-domain",), _add_node("Steal", "com.example.custom")
    ),
    GraphEdit("declares an unknown operator set", ("unknown-op-domain",), _add_domain),
    GraphEdit("has a node that ONNX does not define", ("graph-does-not-load",), _add_node("Steal", "")),
    GraphEdit("carries a training graph", ("training-info",), _add_training),
    GraphEdit("has a tensor that claims a terabyte", ("tensor-too-large",), _claim_much),
    GraphEdit("is cut in half", ("graph-malformed",), _cut),
    GraphEdit("is empty", ("graph-malformed",), lambda model: b"\n"),
    GraphEdit("is a picture", ("graph-malformed",), lambda model: b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
]

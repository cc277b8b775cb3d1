"""Gives a foreign graph the inputs and outputs of every bundle: nodes are added before and after it, none is changed.

Inputs: `input_ids, attention_mask[, token_type_ids]`, int64 `(batch, seq)`. Outputs: those of the task, in fp32. The
vectors of tokens are pooled in the graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from glossator.export.onnx_source.node_writer import PREFIX, NodeWriter
from glossator.export.onnx_source.pooling_nodes import add_normalization, add_pooling
from glossator.export.onnx_source.signature import REQUIRED_INPUTS, Signature, poolings_of, read_signature
from glossator.export.onnx_source.source_graph import convert_operators
from glossator.service.bundle.task import Task, TextEmbedding
from glossator.service.inference.encoding import reads_pairs

_SOURCE = f"{PREFIX}source_"
_OTHER_NAMES = ("token_type_ids", "last_hidden_state")
"""Names that inputs and outputs of bundles have, besides those of the task: no inner tensor may have them."""


def write_adapted(source: Path, task: Task, destination: Path) -> None:
    """Write the graph of a source, which was checked before, with the one graph interface.

    Raises ConfigError if its operators cannot be converted.
    """
    import onnx

    model = onnx.load(source)
    signature = read_signature(model, task.task)
    model = convert_operators(model, source)
    graph = model.graph
    taken = (*signature.inputs, *signature.outputs, *task.outputs, *_OTHER_NAMES)
    _rename(graph, {name: f"{_SOURCE}{name}" for name in taken})
    del graph.value_info[:]  # of tensors that were renamed
    writer = NodeWriter(graph)
    _adapt_inputs(writer, signature, types=reads_pairs(task) and "token_type_ids" in signature.inputs)
    _adapt_outputs(writer, signature, task)
    onnx.checker.check_model(model)
    onnx.save(model, destination)


def _adapt_inputs(writer: NodeWriter, signature: Signature, *, types: bool) -> None:
    """Add the inputs of a bundle, and compute those of the graph from them; without `types`, all types are 0."""
    from onnx import TensorProto, helper

    del writer.graph.input[:]
    given = [*REQUIRED_INPUTS, *(["token_type_ids"] if types else [])]
    writer.graph.input.extend(
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in given
    )
    for name, kind in signature.inputs.items():
        value = name if name in given else _missing_input(writer, name)
        writer.add("Cast", [value], f"source_{name}", before=True, to=kind)
    writer.move_inputs_to_front()


def _adapt_outputs(writer: NodeWriter, signature: Signature, task: Task) -> None:
    """Replace the outputs by those of the task."""
    from onnx import TensorProto, helper

    graph = writer.graph
    del graph.output[:]
    for place, (name, axes) in enumerate(task.outputs.items()):
        source = f"{_SOURCE}{signature.outputs[place]}"
        value = writer.add("Cast", [source], f"floats_{name}", to=TensorProto.FLOAT)
        if isinstance(task, TextEmbedding):
            value = value if signature.pooled else add_pooling(writer, value, poolings_of(task))
            value = add_normalization(writer, value) if task.normalized else value
        graph.node.append(helper.make_node("Identity", [value], [name], name=name))
        shape = ["batch", *("sequence" if axis is None else axis for axis in axes[1:])]
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


def _missing_input(writer: NodeWriter, name: str) -> str:
    """Return types of 0, or the positions of the tokens, 0, 1, ...: texts are padded on the right."""
    if name == "token_type_ids":
        return _like_ids(writer, 0)
    axis, one = writer.constant("token_axis", np.array(1)), writer.constant("one", np.array(1))
    counted = writer.add("CumSum", [_like_ids(writer, 1), axis], "positions_from_1", before=True)
    return writer.add("Sub", [counted, one], "positions", before=True)


def _like_ids(writer: NodeWriter, value: int) -> str:
    """Return a tensor of the shape of `input_ids` with one value."""
    from onnx import numpy_helper

    filled = numpy_helper.from_array(np.array([value], dtype=np.int64))
    shape = writer.add("Shape", ["input_ids"], f"shape_for_{value}", before=True)
    return writer.add("ConstantOfShape", [shape], f"all_{value}", before=True, value=filled)


def _rename(graph: Any, names: dict[str, str]) -> None:
    """Rename tensors, and nodes with the same names, in inner graphs too, which read tensors of outer ones."""
    for node in graph.node:
        node.name = names.get(node.name, node.name)
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                _rename(inner, names)
    for item in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        item.name = names.get(item.name, item.name)

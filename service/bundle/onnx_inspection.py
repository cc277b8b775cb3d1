"""Reads an ONNX file without loading it, so that nothing unsafe reaches ONNX Runtime.

ONNX files are protocol buffers. This module reads the few fields of `onnx.proto` that decide whether a graph may be
loaded: where tensors store their data, which operator sets are used, and the shapes of inputs and outputs. The field
numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from glossator.service.bundle.protobuf import (
    Buffer,
    MalformedMessage,
    as_message,
    as_text,
    nested_messages,
    read_fields,
    read_packed_varints,
    string_field,
)
from glossator.service.errors import Fault

ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})
"""Operator sets that ONNX Runtime implements; any other would need a custom library."""
FURTHER_OUTPUT = "last_hidden_state"
"""A graph of vectors may have this output next to `embedding`, for tools that pool the states of tokens themselves."""
TOKEN_VECTORS = "token_vectors"
"""The output `(batch, seq, dimension)` of a graph of vectors whose task has a `token_dimension`."""
MAX_TENSOR_ELEMENTS = 2**31
_MAX_DEPTH = 32
_MAX_DIMENSIONS = 8
_MATRIX_PRODUCTS = frozenset({"MatMul", "MatMulInteger", "MatMulIntegerToFloat", "Gemm"})

Dimension = int | str
"""A fixed size, or the name of a free axis ("" if it has no name)."""


@dataclass(slots=True)
class GraphSummary:
    """Inputs and outputs with their dimensions, and every fault that forbids loading the graph.

    `tensors` has the dimensions of each constant, `multiplied` the name of each matrix product's second operand.
    """

    inputs: dict[str, list[Dimension]] = field(default_factory=dict)
    outputs: dict[str, list[Dimension]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    tensors: dict[str, tuple[int, ...]] = field(default_factory=dict)
    multiplied: list[str] = field(default_factory=list)

    @property
    def products(self) -> list[tuple[int, int]]:
        """Shape (in, out) of the constant matrix of each product."""
        shapes = [self.tensors.get(name, ()) for name in self.multiplied]
        return [(shape[0], shape[1]) for shape in shapes if len(shape) == 2]


def inspect_onnx(data: bytes | memoryview, where: str) -> GraphSummary:
    """Return the summary of the ONNX model in `data`; never raises. `where` is the file name in the faults."""
    summary = GraphSummary()
    try:
        _walk_model(memoryview(data), summary, where)
    except MalformedMessage as error:
        summary.faults.append(Fault("graph-malformed", str(error), where))
    return summary


def check_interface(summary: GraphSummary, outputs: Mapping[str, Sequence[int | None]], where: str) -> list[Fault]:
    """Return the faults of a graph whose inputs and outputs are not those of its task.

    Inputs are `input_ids, attention_mask[, token_type_ids]` of shape (batch, seq), both axes free. `outputs` has the
    axes of each output, None for a free axis. A graph of vectors may also give `last_hidden_state`.
    """
    faults = []
    names = set(summary.inputs)
    if not {"input_ids", "attention_mask"} <= names <= {"input_ids", "attention_mask", "token_type_ids"}:
        faults.append(Fault("graph-inputs", f"inputs are {', '.join(sorted(names)) or 'none'}", where))
    further = {FURTHER_OUTPUT} if "embedding" in outputs else set()
    if set(summary.outputs) - further != set(outputs):
        faults.append(Fault("graph-outputs", f"outputs are {', '.join(summary.outputs) or 'none'}", where))
    for name, dimensions in summary.inputs.items():
        if len(dimensions) != 2 or any(isinstance(size, int) for size in dimensions):
            faults.append(Fault("frozen-axis", f"{name} has shape {dimensions}, expected two free axes", where))
    for name, expected in outputs.items():
        if name not in summary.outputs:
            continue  # reported above
        dimensions = summary.outputs[name]
        pairs = list(zip(dimensions, expected, strict=False))
        if len(dimensions) != len(expected) or any(isinstance(found, int) and size is None for found, size in pairs):
            free = ", ".join("free" if size is None else str(size) for size in expected)
            faults.append(Fault("frozen-axis", f"{name} has shape {dimensions}, expected ({free})", where))
            continue
        wrong = [(found, size) for found, size in pairs if isinstance(found, int) and found != size]
        faults += [Fault("label-count", f"{name} has {found} values for {size} labels", where) for found, size in wrong]
    return faults


def _walk_model(model: Buffer, summary: GraphSummary, where: str) -> None:
    graphs = 0
    for number, value in read_fields(model):
        if number == 8:  # opset_import
            _check_domain(string_field(value, 1), summary, where)
        elif number == 7:
            graphs += 1
            _walk_graph(as_message(value), summary, where, depth=0)
        elif number == 25:  # functions
            _walk_function(as_message(value), summary, where)
        elif number == 20:
            summary.faults.append(Fault("training-info", "the file contains a training graph", where))
    if graphs != 1:
        raise MalformedMessage(f"the file has {graphs} graphs, expected 1")


def _walk_graph(graph: Buffer, summary: GraphSummary, where: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise MalformedMessage(f"graphs nest deeper than {_MAX_DEPTH}")
    initializers = set()
    inputs = {}
    for number, value in read_fields(graph):
        if number == 1:
            _walk_node(as_message(value), summary, where, depth)
        elif number == 5:
            initializers.add(_check_tensor(as_message(value), summary, where))
        elif number == 15:
            _check_sparse(as_message(value), summary, where)
        elif number == 11 and depth == 0:
            inputs[string_field(value, 1)] = _dimensions(as_message(value))
        elif number == 12 and depth == 0:
            summary.outputs[string_field(value, 1)] = _dimensions(as_message(value))
    summary.inputs |= {name: shape for name, shape in inputs.items() if name not in initializers}


def _walk_function(function: Buffer, summary: GraphSummary, where: str) -> None:
    for number, value in read_fields(function):
        if number == 7:
            _walk_node(as_message(value), summary, where, depth=0)
        elif number == 9:
            _check_domain(string_field(value, 1), summary, where)


def _walk_node(node: Buffer, summary: GraphSummary, where: str, depth: int) -> None:
    inputs, operator = [], ""
    for number, value in read_fields(node):
        if number == 1:
            inputs.append(as_text(value))
        elif number == 4:
            operator = as_text(value)
        elif number == 7:
            _check_domain(as_text(value), summary, where)
        elif number == 5:
            _walk_attribute(as_message(value), summary, where, depth)
    if operator in _MATRIX_PRODUCTS and len(inputs) > 1:
        summary.multiplied.append(inputs[1])


def _walk_attribute(attribute: Buffer, summary: GraphSummary, where: str, depth: int) -> None:
    for number, value in read_fields(attribute):
        if number in (5, 10):  # t, tensors
            _check_tensor(as_message(value), summary, where)
        elif number in (6, 11):  # g, graphs
            _walk_graph(as_message(value), summary, where, depth + 1)
        elif number in (22, 23):  # sparse_tensor, sparse_tensors
            _check_sparse(as_message(value), summary, where)


def _check_sparse(sparse: Buffer, summary: GraphSummary, where: str) -> None:
    for number, value in read_fields(sparse):
        if number in (1, 2):  # values, indices
            _check_tensor(as_message(value), summary, where)


def _check_tensor(tensor: Buffer, summary: GraphSummary, where: str) -> str:
    """Check where a tensor stores its data and how large it is; return its name."""
    name, elements, external, dims = "", 1, False, list[int]()
    for number, value in read_fields(tensor):
        if number == 1:  # dims, packed or not
            for size in [value] if isinstance(value, int) else read_packed_varints(value):
                if len(dims) < _MAX_DIMENSIONS:
                    dims.append(size)
                # Capped: the product of a million axes would take hours.
                elements = min(elements * size, MAX_TENSOR_ELEMENTS + 1)
        elif number == 8:
            name = as_text(value)
        elif number == 13 or (number == 14 and value == 1):  # external_data, data_location = EXTERNAL
            external = True
    if external:
        summary.faults.append(Fault("external-data", f"tensor {name!r} stores its data in another file", where))
    if elements > MAX_TENSOR_ELEMENTS:
        what = f"tensor {name!r} claims more than {MAX_TENSOR_ELEMENTS} elements"
        summary.faults.append(Fault("tensor-too-large", what, where))
    summary.tensors[name] = tuple(dims)
    return name


def _check_domain(domain: str, summary: GraphSummary, where: str) -> None:
    if domain in ALLOWED_DOMAINS:
        return
    fault = Fault("unknown-op-domain", f"operator set {domain!r}", where)
    if fault not in summary.faults:
        summary.faults.append(fault)


def _dimensions(value_info: Buffer) -> list[Dimension]:
    """Return the dimensions of a ValueInfoProto.

    The fields are type (2) -> tensor_type (1) -> shape (2) -> dim (1) -> value (1) or name (2).
    """
    dimensions: list[Dimension] = []
    for shape in nested_messages(value_info, (2, 1, 2)):
        for number, dim in read_fields(shape):
            if number == 1:
                sizes = dict(read_fields(as_message(dim)))
                fixed = sizes.get(1)
                dimensions.append(fixed if isinstance(fixed, int) else as_text(sizes[2]) if 2 in sizes else "")
    return dimensions

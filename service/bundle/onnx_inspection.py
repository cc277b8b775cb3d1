"""What an ONNX file holds, read from its bytes, so that nothing unsafe reaches ONNX Runtime.

ONNX files are protocol buffers. This walks the wire format (https://protobuf.dev/programming-guides/encoding) and
looks at the few fields of `onnx.proto` that decide whether a graph may be loaded: where tensors keep their data, which
operator sets are used, and the shape of the inputs and outputs. Nothing is copied, and no package is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from glossator.service.errors import Fault

ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})
"""Operator sets that ONNX Runtime itself implements; anything else would need a custom library."""
MAX_TENSOR_ELEMENTS = 2**31
_MAX_DEPTH = 32
_SHOWN_DIMS = 8
_PRODUCTS = frozenset({"MatMul", "MatMulInteger", "MatMulIntegerToFloat", "Gemm"})

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Buffer = memoryview
Dimension = int | str
"""A fixed size, or the name of a free one ("" where it has none)."""


class _MalformedError(ValueError):
    """The bytes are not a protocol buffer."""


@dataclass(slots=True)
class GraphSummary:
    """Inputs and outputs with their dimensions, and everything that forbids loading the graph.

    `tensors` has the dimensions of each constant, `multiplied` the names of what matrix products multiply with.
    """

    inputs: dict[str, list[Dimension]] = field(default_factory=dict)
    outputs: dict[str, list[Dimension]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    tensors: dict[str, tuple[int, ...]] = field(default_factory=dict)
    multiplied: list[str] = field(default_factory=list)

    @property
    def products(self) -> list[tuple[int, int]]:
        """The shape of the constant matrix of each product, (in, out)."""
        shapes = [self.tensors.get(name, ()) for name in self.multiplied]
        return [(shape[0], shape[1]) for shape in shapes if len(shape) == 2]


def inspect(data: bytes | memoryview, where: str) -> GraphSummary:
    """The summary of the ONNX model in `data`; `where` names the file in its faults. Never raises for bad bytes."""
    summary = GraphSummary()
    try:
        _walk_model(memoryview(data), summary, where)
    except _MalformedError as error:
        summary.faults.append(Fault("graph-malformed", str(error), where))
    return summary


def check_interface(summary: GraphSummary, outputs: Mapping[str, Sequence[int | None]], where: str) -> list[Fault]:
    """Faults of a graph against its task: `input_ids, attention_mask[, token_type_ids]` of `(batch, seq)`, both free,
    to `outputs`, each with its axes, None where one is free."""
    faults = []
    names = set(summary.inputs)
    if not {"input_ids", "attention_mask"} <= names <= {"input_ids", "attention_mask", "token_type_ids"}:
        faults.append(Fault("graph-inputs", f"inputs are {', '.join(sorted(names)) or 'none'}", where))
    if set(summary.outputs) != set(outputs):
        faults.append(Fault("graph-outputs", f"outputs are {', '.join(summary.outputs) or 'none'}", where))
    for name, dimensions in summary.inputs.items():
        if len(dimensions) != 2 or any(isinstance(size, int) for size in dimensions):
            faults.append(Fault("frozen-axis", f"{name} has shape {dimensions}, expected two free axes", where))
    for name, expected in outputs.items():
        if name not in summary.outputs:
            continue  # told above
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
    for number, value in _fields(model):
        if number == 8:  # opset_import
            _check_domain(_string(value, 1), summary, where)
        elif number == 7:
            graphs += 1
            _walk_graph(_message(value), summary, where, depth=0)
        elif number == 25:  # functions
            _walk_function(_message(value), summary, where)
        elif number == 20:
            summary.faults.append(Fault("training-info", "the file carries a training graph", where))
    if graphs != 1:
        raise _MalformedError(f"the file holds {graphs} graphs, expected 1")


def _walk_graph(graph: Buffer, summary: GraphSummary, where: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise _MalformedError(f"graphs nest deeper than {_MAX_DEPTH}")
    initializers = set()
    inputs = {}
    for number, value in _fields(graph):
        if number == 1:
            _walk_node(_message(value), summary, where, depth)
        elif number == 5:
            initializers.add(_check_tensor(_message(value), summary, where))
        elif number == 15:
            _check_sparse(_message(value), summary, where)
        elif number == 11 and depth == 0:
            inputs[_string(value, 1)] = _dimensions(_message(value))
        elif number == 12 and depth == 0:
            summary.outputs[_string(value, 1)] = _dimensions(_message(value))
    summary.inputs |= {name: shape for name, shape in inputs.items() if name not in initializers}


def _walk_function(function: Buffer, summary: GraphSummary, where: str) -> None:
    for number, value in _fields(function):
        if number == 7:
            _walk_node(_message(value), summary, where, depth=0)
        elif number == 9:
            _check_domain(_string(value, 1), summary, where)


def _walk_node(node: Buffer, summary: GraphSummary, where: str, depth: int) -> None:
    inputs, operator = [], ""
    for number, value in _fields(node):
        if number == 1:
            inputs.append(_text(value))
        elif number == 4:
            operator = _text(value)
        elif number == 7:
            _check_domain(_text(value), summary, where)
        elif number == 5:
            _walk_attribute(_message(value), summary, where, depth)
    if operator in _PRODUCTS and len(inputs) > 1:
        summary.multiplied.append(inputs[1])


def _walk_attribute(attribute: Buffer, summary: GraphSummary, where: str, depth: int) -> None:
    for number, value in _fields(attribute):
        if number in (5, 10):  # t, tensors
            _check_tensor(_message(value), summary, where)
        elif number in (6, 11):  # g, graphs
            _walk_graph(_message(value), summary, where, depth + 1)
        elif number in (22, 23):  # sparse_tensor, sparse_tensors
            _check_sparse(_message(value), summary, where)


def _check_sparse(sparse: Buffer, summary: GraphSummary, where: str) -> None:
    for number, value in _fields(sparse):
        if number in (1, 2):  # values, indices
            _check_tensor(_message(value), summary, where)


def _check_tensor(tensor: Buffer, summary: GraphSummary, where: str) -> str:
    """The tensor's name, after its place and size have been judged."""
    name, elements, external, dims = "", 1, False, list[int]()
    for number, value in _fields(tensor):
        if number == 1:  # dims, packed or not
            for size in [value] if isinstance(value, int) else _packed(value):
                if len(dims) < _SHOWN_DIMS:
                    dims.append(size)
                # Capped: the product of a million axes would take hours.
                elements = min(elements * size, MAX_TENSOR_ELEMENTS + 1)
        elif number == 8:
            name = _text(value)
        elif number == 13 or (number == 14 and value == 1):  # external_data, data_location = EXTERNAL
            external = True
    if external:
        summary.faults.append(Fault("external-data", f"tensor {name!r} keeps its data in another file", where))
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
    """Dimensions of a ValueInfoProto: type (2) -> tensor_type (1) -> shape (2) -> dim (1) -> value (1) or name (2)."""
    dimensions: list[Dimension] = []
    for shape in _nested(value_info, (2, 1, 2)):
        for number, dim in _fields(shape):
            if number == 1:
                sizes = dict(_fields(_message(dim)))
                fixed = sizes.get(1)
                dimensions.append(fixed if isinstance(fixed, int) else _text(sizes[2]) if 2 in sizes else "")
    return dimensions


def _nested(message: Buffer, path: tuple[int, ...]) -> Iterator[Buffer]:
    if not path:
        yield message
        return
    for number, value in _fields(message):
        if number == path[0]:
            yield from _nested(_message(value), path[1:])


def _fields(message: Buffer) -> Iterator[tuple[int, int | Buffer]]:
    """Field numbers and values: an int for a varint, bytes for the rest."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == _BYTES:
            length, position = _varint(message, position)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise _MalformedError(f"wire type {kind} at byte {position}")
        if position + length > len(message):
            raise _MalformedError(f"a field of {length} bytes ends after the file")
        yield number, message[position : position + length]
        position += length


def _varint(message: Buffer, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
    raise _MalformedError(f"a number does not end at byte {position}")


def _packed(message: Buffer) -> Iterator[int]:
    position = 0
    while position < len(message):
        value, position = _varint(message, position)
        yield value


def _message(value: int | Buffer) -> Buffer:
    if isinstance(value, int):
        raise _MalformedError("a number stands where a message is expected")
    return value


def _text(value: int | Buffer) -> str:
    return bytes(_message(value)).decode("utf-8", "backslashreplace")


def _string(value: int | Buffer, wanted: int) -> str:
    """The string field `wanted` of a message, "" where it is absent."""
    return next((_text(item) for number, item in _fields(_message(value)) if number == wanted), "")

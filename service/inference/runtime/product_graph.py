"""ONNX graphs of one matrix product, to test and to time the processor.

They are written byte by byte, as protocol buffers of `onnx.proto`, so that serving needs no further package.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.manifest import Precision

_FLOAT, _UINT8, _INT8, _INT32 = 1, 2, 3, 6
"""Element types of `onnx.proto`."""
_MICROSOFT = "com.microsoft"


def product_graph(rows: int, columns: int, precision: Precision) -> bytes:
    """Return the bytes of an ONNX model: `y = x @ weight` for `x` of `(tokens, rows)`, with a constant weight."""
    generator = np.random.default_rng(1)
    if precision == "fp32":
        weight = generator.normal(size=(rows, columns)).astype(np.float32)
        tensors = [_tensor("weight", weight, _FLOAT)]
        return _model([_node("MatMul", ["x", "weight"], "y")], tensors, ("x", _FLOAT, rows), [("y", _FLOAT, columns)])
    integers = generator.integers(-127, 128, (rows, columns)).astype(np.int8)
    tensors = [_tensor("weight", integers, _INT8), _tensor("zero", np.uint8(128), _UINT8)]
    node = _node("MatMulInteger", ["x", "weight", "zero"], "y")
    return _model([node], tensors, ("x", _UINT8, rows), [("y", _INT32, columns)])


def integer_product_graph(weight: NDArray[np.int8], zero_point: int) -> bytes:
    """Return the bytes of an ONNX model: `(x - zero_point) @ weight` for uint8 `x` of `(tokens, rows)`.

    Both operators of int8 graphs compute it: the output `integers` is int32, `floats` is float32.
    """
    rows, columns = weight.shape
    tensors = [
        _tensor("weight", weight, _INT8),
        _tensor("zero", np.uint8(zero_point), _UINT8),
        _tensor("one", np.float32(1.0), _FLOAT),
    ]
    nodes = [
        _node("MatMulInteger", ["x", "weight", "zero"], "integers"),
        _node("MatMulIntegerToFloat", ["x", "weight", "one", "one", "zero"], "floats", domain=_MICROSOFT),
    ]
    outputs = [("integers", _INT32, columns), ("floats", _FLOAT, columns)]
    return _model(nodes, tensors, ("x", _UINT8, rows), outputs)


def _model(
    nodes: list[bytes], tensors: list[bytes], model_input: tuple[str, int, int], outputs: list[tuple[str, int, int]]
) -> bytes:
    """Return a model of `nodes`; its input and outputs are (name, element type, width)."""
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"product")
    graph += b"".join(_field(5, tensor) for tensor in tensors) + _field(11, _value(*model_input))
    graph += b"".join(_field(12, _value(*each)) for each in outputs)
    imports = [_field(1, b"") + _number(2, 20), _field(1, _MICROSOFT.encode()) + _number(2, 1)]
    return _number(1, 10) + b"".join(_field(8, each) for each in imports) + _field(7, graph)


def _node(operator: str, inputs: list[str], output: str, *, domain: str = "") -> bytes:
    names = b"".join(_field(1, name.encode()) for name in inputs) + _field(2, output.encode())
    return names + _field(4, operator.encode()) + _field(7, domain.encode())


def _tensor(name: str, value: np.ndarray | np.generic, kind: int) -> bytes:
    dims = b"".join(_number(1, size) for size in value.shape)
    return dims + _number(2, kind) + _field(8, name.encode()) + _field(9, value.tobytes())


def _value(name: str, kind: int, width: int) -> bytes:
    shape = _field(1, _field(2, b"tokens")) + _field(1, _number(1, width))
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, kind) + _field(2, shape)))


def _field(number: int, content: bytes) -> bytes:
    """Encode a field of bytes: key, length, content."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])

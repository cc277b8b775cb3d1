"""What the processor's matrix products allow: the products of a model alone, run as fast as ONNX Runtime can.

A graph of one product is written here byte by byte, as a protocol buffer of `onnx.proto`, so that measuring needs no
more packages than serving does.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

from glossator.service.bundle.manifest import Precision
from glossator.service.inference.runtime.session import session_options

BATCH_TOKENS = 512
_SECONDS = 0.5
_FLOAT, _UINT8, _INT8, _INT32 = 1, 2, 3, 6
"""Element types of `onnx.proto`."""


@dataclass(frozen=True, slots=True)
class MatmulLimit:
    """How many operations (a multiplication and an addition count two) the products of a token need, how many the
    workers do in a second, and how many tokens a second that would be if the model were nothing but its products."""

    operations_per_token: int
    operations_per_second: float

    @property
    def tokens_per_second(self) -> float:
        return self.operations_per_second / self.operations_per_token


def measure_limit(
    products: Sequence[tuple[int, int]], *, precision: Precision, workers: int, seconds: float = _SECONDS
) -> MatmulLimit:
    """The limit for a model with weights of the shapes `products`, from about `seconds` of each different shape.

    Every product counts for every token; a graph that computes the last layer for one token alone does less.
    """
    spent = 0.0
    for shape in set(products):
        spent += products.count(shape) * _seconds(shape, precision, workers, seconds)
    operations = 2 * sum(rows * columns for rows, columns in products)
    return MatmulLimit(operations, operations * BATCH_TOKENS * workers / spent)


def _seconds(shape: tuple[int, int], precision: Precision, workers: int, seconds: float) -> float:
    """What one product of `BATCH_TOKENS` tokens takes while every worker runs such ones; the best of some tries."""
    graph = product_graph(*shape, precision)
    session = ort.InferenceSession(graph, session_options(), providers=["CPUExecutionProvider"])
    kind = np.uint8 if precision == "int8" else np.float32
    feeds = {"x": np.random.default_rng(0).integers(0, 255, (BATCH_TOKENS, shape[0])).astype(kind)}

    def several(times: int) -> float:
        began = time.perf_counter()
        for _ in range(times):
            session.run(None, feeds)
        return (time.perf_counter() - began) / times

    with ThreadPoolExecutor(workers) as pool:
        one = max(pool.map(several, [3] * workers))
        times = max(1, int(seconds / 4 / one))
        return min(max(pool.map(several, [times] * workers)) for _ in range(4))


def product_graph(rows: int, columns: int, precision: Precision) -> bytes:
    """The bytes of an ONNX model: `y = x @ weight` for `x` of (tokens, rows), with a constant weight."""
    generator = np.random.default_rng(1)
    if precision == "int8":
        weight = generator.integers(-127, 128, (rows, columns)).astype(np.int8)
        operator, inputs, taken, given, stored = "MatMulInteger", ["x", "weight", "zero"], _UINT8, _INT32, _INT8
        tensors = [_tensor("weight", weight, stored), _tensor("zero", np.uint8(128), _UINT8)]
    else:
        weight = generator.normal(size=(rows, columns)).astype(np.float32)
        operator, inputs, taken, given = "MatMul", ["x", "weight"], _FLOAT, _FLOAT
        tensors = [_tensor("weight", weight, _FLOAT)]
    node = b"".join(_field(1, name.encode()) for name in inputs) + _field(2, b"y") + _field(4, operator.encode())
    graph = _field(1, node) + _field(2, b"product") + b"".join(_field(5, tensor) for tensor in tensors)
    graph += _field(11, _value("x", taken, rows)) + _field(12, _value("y", given, columns))
    return _number(1, 10) + _field(8, _field(1, b"") + _number(2, 20)) + _field(7, graph)


def _tensor(name: str, value: np.ndarray | np.generic, kind: int) -> bytes:
    dims = b"".join(_number(1, size) for size in value.shape)
    return dims + _number(2, kind) + _field(8, name.encode()) + _field(9, value.tobytes())


def _value(name: str, kind: int, width: int) -> bytes:
    shape = _field(1, _field(2, b"tokens")) + _field(1, _number(1, width))
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, kind) + _field(2, shape)))


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes: its key, its length, itself."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])

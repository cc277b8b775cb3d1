"""The operators from which graphs are made, in fp32 or in int8 with fixed activation scales.

In int8, activation scales are constants, measured on real texts (`activation_ranges`): an answer cannot depend on the
other texts of its batch, and no pass over the activations is needed to find scales. For a product `X @ W + b`:

    A = saturate(round(X / factors / scale) + zero_point)                 uint8, one factor per channel, one scale
    B, column_scale = factors[:, None] * W, symmetric per column          int8
    X @ W + b ~ ((A - zero_point) @ B) * scale * column_scale + b         float32

Few channels of an encoder have large values. Factors divide them out of the activations, which then lose less in 8
bits, and multiply them into the weights (SmoothQuant, Xiao et al. 2023; see `activation_ranges`).

Products that read the same tensor share its quantised form. Embedding tables are in int8 with one scale per row; in
fp32 graphs they are in 16 bits if all their values are exact so, because the model was saved in 16 bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glossator.export.graphs.encoder_weights import Floats, LayerNorm, Linear
from glossator.export.graphs.file_size import check_file_size
from glossator.export.graphs.int8_weights import quantize_symmetric

OPSET = 20
_IR_VERSION = 10
_TEXTS = ("batch", "sequence")
_MIN_EMBEDDINGS = 256
"""Smaller tables stay in fp32: int8 would save nothing."""


@dataclass(frozen=True, slots=True)
class Range:
    """The smallest and largest value of a tensor that products read, each divided by the factor of its channel.

    The range includes 0. `factors`: one per channel.
    """

    low: float
    high: float
    factors: tuple[float, ...]

    def scale_and_zero_point(self) -> tuple[np.float32, np.uint8]:
        """Return the scale and zero point that map the range to 0 to 255."""
        scale = np.float32(max(self.high - self.low, 1e-6) / 255.0)
        return scale, np.uint8(np.clip(np.rint(-self.low / scale), 0, 255))


@dataclass(frozen=True, slots=True)
class Quantization:
    """The ranges of the tensors that products read, by name, and the tensors whose products stay in fp32."""

    ranges: Mapping[str, Range]
    excluded: Collection[str] = ()


class ProductInput(NamedTuple):
    """A tensor of a graph that products read, and their weights, each `(in, out)`."""

    tensor: str
    weights: list[Floats]


class GraphBuilder:
    """Appends operators to one graph. Every method returns the name of the tensor that it adds."""

    def __init__(self, quantization: Quantization | None = None) -> None:
        import onnx

        self._quantization = quantization
        # Filled in place: constants of 1 GB would otherwise be copied from the graph to the model.
        self._model = onnx.ModelProto(ir_version=_IR_VERSION, producer_name="glossator")
        self._model.graph.name = "encoder"
        self._scope = self._model.graph
        self._added = 0
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._bytes = 0
        self._quantized: dict[str, str] = {}
        self.product_inputs: dict[str, ProductInput] = {}
        """The tensor that the products of each name read; the first one, if there are several."""

    def node(
        self, operator: str, inputs: Sequence[str], *, domain: str = "", output: str | None = None, **attributes: Any
    ) -> str:
        """Add an operator with one output."""
        from onnx import helper

        output = output or f"{operator.lower()}_{self._added}"
        self._added += 1
        self._scope.node.append(helper.make_node(operator, inputs, [output], output, domain=domain, **attributes))
        return output

    @property
    def int8(self) -> bool:
        """Whether the graph is in int8, and may have operators of ONNX Runtime."""
        return self._quantization is not None

    def choose(self, condition: str, then: Callable[[], str], otherwise: Callable[[], str]) -> str:
        """Add a choice: only the operators of one of the two functions run. They may read all tensors added before."""
        branches = {name: self._inner(name, write) for name, write in (("then", then), ("else", otherwise))}
        return self.node("If", [condition], then_branch=branches["then"], else_branch=branches["else"])

    def scan(self, tensor: str, write: Callable[[str], str]) -> str:
        """Add the results of `write` for each entry of the first axis of `tensor`, of four axes; one runs at a time."""
        entry = f"entry_{self._added}"
        body = self._inner("body", lambda: write(entry), entry)
        return self.node("Scan", [tensor], body=body, num_scan_inputs=1)

    def _inner(self, name: str, write: Callable[[], str], *inputs: str) -> Any:
        """Return the operators that `write` adds as a graph inside the graph, with one output of fp32."""
        from onnx import GraphProto, TensorProto, helper

        outer, self._scope = self._scope, GraphProto(name=f"{name}_{self._added}")
        try:
            output = write()
            inner = self._scope
        finally:
            self._scope = outer
        shape = [None] * 3 if inputs else None
        inner.input.extend(helper.make_tensor_value_info(each, TensorProto.FLOAT, [None] * 3) for each in inputs)
        inner.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, shape))
        return inner

    def constant(self, value: NDArray[Any] | np.generic) -> str:
        """Add a constant; equal constants are stored once.

        Raises ConfigError if the constants no longer fit into one file.
        """
        from onnx import numpy_helper

        value = np.asarray(value, order="C")
        key = (str(value.dtype), value.shape, hashlib.sha256(value.reshape(-1).view(np.uint8).data).digest())
        if key not in self._constants:
            self._bytes += value.nbytes
            check_file_size(self._bytes)
            self._constants[key] = f"constant_{len(self._constants)}"
            self._model.graph.initializer.append(numpy_helper.from_array(value, self._constants[key]))
        return self._constants[key]

    def number(self, value: float) -> str:
        """Add a constant in fp32."""
        return self.constant(np.array(value, dtype=np.float32))

    def integers(self, *values: int) -> str:
        """Add a constant vector of integers, such as axes or a shape."""
        return self.constant(np.array(values))

    def product(self, name: str, tensor: str, linear: Linear) -> str:
        """Add `tensor @ weight + bias`, in int8 unless the products of that name are excluded."""
        self.product_inputs.setdefault(name, ProductInput(tensor, [])).weights.append(linear.weight)
        quantization = self._quantization
        if quantization is None or name in quantization.excluded:
            return self.tokenwise(tensor, linear)
        measured = quantization.ranges[name]
        factors = np.array(measured.factors, dtype=np.float32)
        scale, zero_point = (self.constant(value) for value in measured.scale_and_zero_point())
        if tensor not in self._quantized:
            divided = self.node("Mul", [tensor, self.constant(1.0 / factors)])
            self._quantized[tensor] = self.node("QuantizeLinear", [divided, scale, zero_point])
        weight, column_scale = quantize_symmetric(linear.weight * factors[:, np.newaxis], axis=0)
        inputs = [self._quantized[tensor], self.constant(weight), scale, self.constant(column_scale), zero_point]
        inputs += [] if linear.bias is None else ["", self.constant(linear.bias)]
        return self.node("MatMulIntegerToFloat", inputs, domain="com.microsoft")

    def tokenwise(self, tensor: str, linear: Linear) -> str:
        """Add `tensor @ weight + bias` in fp32, for a tensor of any number of axes."""
        product = self.node("MatMul", [tensor, self.constant(linear.weight)])
        return product if linear.bias is None else self.node("Add", [product, self.constant(linear.bias)])

    def dense(self, tensor: str, linear: Linear, *, output: str | None = None) -> str:
        """Add `tensor @ weight + bias` in fp32, for a tensor `(rows, in)`."""
        bias = [] if linear.bias is None else [self.constant(linear.bias)]
        return self.node("Gemm", [tensor, self.constant(linear.weight), *bias], output=output)

    def look_up(self, table: NDArray[np.float32], ids: str) -> str:
        """Add the rows of an embedding table for `ids`."""
        if len(table) < _MIN_EMBEDDINGS:
            return self.node("Gather", [self.constant(table), ids])
        if self._quantization is None:
            short = shorten_exactly(table)
            found = self.node("Gather", [self.constant(table if short is None else short), ids])
            return found if short is None else self.node("Cast", [found], to=1)
        values, scale = quantize_symmetric(table, axis=1)
        stored = self.node("Cast", [self.node("Gather", [self.constant(values), ids])], to=1)
        return self.node("Mul", [stored, self.node("Gather", [self.constant(scale[:, np.newaxis]), ids])])

    def look_up_heads(self, table: NDArray[np.float32], ids: str) -> str:
        """Add the rows of a table `(heads, rows, size)` for `ids`, `(n,)`: `(heads, n, size)`."""
        if self._quantization is None or table.shape[1] < _MIN_EMBEDDINGS:
            return self.node("Gather", [self.constant(table), ids], axis=1)
        values, scale = quantize_symmetric(table, axis=2)
        stored = self.node("Cast", [self.node("Gather", [self.constant(values), ids], axis=1)], to=1)
        return self.node("Mul", [stored, self.node("Gather", [self.constant(scale[..., np.newaxis]), ids], axis=1)])

    def activate(self, tensor: str, activation: str) -> str:
        """Add an activation function."""
        if activation in {"gelu", "gelu_tanh"}:
            return self.node("Gelu", [tensor], approximate="tanh" if activation == "gelu_tanh" else "none")
        if activation == "silu":
            return self.node("Mul", [tensor, self.node("Sigmoid", [tensor])])
        return self.node({"relu": "Relu", "tanh": "Tanh"}[activation], [tensor])

    def normalize(self, tensor: str, norm: LayerNorm) -> str:
        """Add a layer normalisation."""
        inputs = [tensor, self.constant(norm.weight)]
        inputs += [] if norm.bias is None else [self.constant(norm.bias)]
        return self.node("LayerNormalization", inputs, axis=-1, epsilon=norm.epsilon)

    def split_heads(self, tensor: str, heads: int, size: int, order: Sequence[int] = (1, 2, 0, 3)) -> str:
        """Split `(seq, batch, heads * size)` into `(batch, heads, seq, size)`, or another order of these axes."""
        split = self.node("Reshape", [tensor, self.integers(0, 0, heads, size)])
        return self.node("Transpose", [split], perm=list(order))

    def first(self, tensor: str, axis: int = 0) -> str:
        """Add the first entry along an axis; the axis stays."""
        return self.node("Slice", [tensor, self.integers(0), self.integers(1), self.integers(axis)])

    def save(
        self,
        destination: Path,
        inputs: Sequence[str],
        outputs: Mapping[str, Sequence[str | int]],
        extra_outputs: Sequence[str] = (),
    ) -> None:
        """Write the graph to a file.

        Args:
            destination: The file.
            inputs: Names of inputs, int64 `(batch, sequence)`.
            outputs: The axes of each output; outputs are fp32.
            extra_outputs: Names of further outputs, of three axes.
        """
        import onnx
        from onnx import TensorProto, helper

        graph, opsets = self._model.graph, self._model.opset_import
        shapes = {name: list(shape) for name, shape in outputs.items()} | {name: [None] * 3 for name in extra_outputs}
        graph.input.extend(helper.make_tensor_value_info(each, TensorProto.INT64, _TEXTS) for each in inputs)
        graph.output.extend(helper.make_tensor_value_info(each, TensorProto.FLOAT, shapes[each]) for each in shapes)
        opsets.append(helper.make_opsetid("", OPSET))
        if any(node.domain == "com.microsoft" for node in graph.node):
            opsets.append(helper.make_opsetid("com.microsoft", 1))
        destination.write_bytes(self._model.SerializeToString())
        onnx.checker.check_model(str(destination))


def shorten_exactly(table: NDArray[np.float32]) -> NDArray[Any] | None:
    """Return a table in fp16 or bf16 if all its values are exact so, else None.

    >>> shorten_exactly(np.array([[0.5, 1.25]], dtype=np.float32)).dtype.name
    'float16'
    """
    import ml_dtypes

    for kind in (np.float16, ml_dtypes.bfloat16):
        # The first rows refuse most tables, without a copy of 1 GB.
        if _is_exact(table[:_MIN_EMBEDDINGS], kind) and _is_exact(table, kind):
            return table.astype(kind)
    return None


def _is_exact(table: NDArray[np.float32], kind: Any) -> bool:
    with np.errstate(over="ignore"):
        return np.array_equal(table.astype(kind).astype(np.float32), table)

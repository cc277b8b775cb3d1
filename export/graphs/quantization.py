"""Converts any fp32 graph to an int8 graph whose answers do not depend on the other texts of the batch.

Usual dynamic quantisation has one activation scale for a whole batch, so that the logits of a text depend on the other
texts: by more than 1 on real texts. Here each token, or each block of a token, has its own scale.

By rows (`quantize_rows`), for a product `X @ W` with constant `W`, with `X` flattened to (tokens, in):

    row_scale = max(|X|, over in) / 127                    (tokens, 1)
    A = round(X / row_scale) + 128                         (tokens, in)    uint8
    B, column_scale = W, symmetric per column              (in, out)       int8
    X @ W ~ ((A - 128) @ B) * column_scale * row_scale     (tokens, out)

Products that read the same tensor share its quantised form. Embedding tables are in int8 with one scale per row. Pooler
and head run once per text and stay in fp32: int8 would save little time and could change decisions.

By blocks (`quantize_blocks`), the operator `MatMulNBits` of ONNX Runtime is used: 8-bit weights with one scale per
block of a column, and activations rounded block by block.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.export.graphs.int8_weights import SMALLEST_SCALE, quantize_symmetric
from glossator.export.graphs.silence_output import silence_output

_MIN_EMBEDDINGS = 256
"""Smaller tables (positions of a tiny model, token types) stay in fp32: int8 would save nothing."""
_ZERO_POINT = 128
_BLOCK = 32
_INT8_ACTIVATIONS = 4
"""The accuracy level of `MatMulNBits` that also rounds activations to int8."""


def quantize_rows(source: Path, destination: Path) -> None:
    """Write `source` to `destination` with matrix products in int8, one scale per token, and int8 embedding tables."""
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder, silence_output():
        prepared = Path(folder, "prepared.onnx")
        # Folds constants, such as transposed weights, so that every weight is an initializer.
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        model = onnx.load(prepared)
    rewriter = _GraphRewriter(model.graph)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        rewriter.add(node)
    rewriter.drop_unused_initializers()
    del model.graph.value_info[:]  # shapes of tensors that may no longer exist
    _declare_domains(model)
    onnx.checker.check_model(model)
    onnx.save(model, destination)


def quantize_blocks(source: Path, destination: Path) -> None:
    """Write `source` to `destination` with matrix products in 8 bits by blocks; embedding tables stay in fp32."""
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    with silence_output():
        quantizer = MatMulNBitsQuantizer(
            onnx.load(source), bits=8, block_size=_BLOCK, is_symmetric=True, accuracy_level=_INT8_ACTIVATIONS
        )
        quantizer.process()
    model = quantizer.model.model
    _declare_domains(model)
    onnx.checker.check_model(model)
    onnx.save(model, destination)


def has_products(source: Path) -> bool:
    """Whether a graph has products with constant weights, which `quantize_blocks` converts; a table alone has none."""
    import onnx

    graph = onnx.load(source).graph
    constants = {item.name for item in graph.initializer}
    return any(node.op_type == "MatMul" and node.input[1] in constants for node in graph.node)


class _GraphRewriter:
    """Appends nodes to a graph, and replaces products and embeddings by int8 nodes."""

    def __init__(self, graph: Any) -> None:
        from onnx import numpy_helper

        self._graph = graph
        self._weights = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
        self._quantized: dict[str, tuple[str, str, str]] = {}
        self._int8_weights: dict[str, tuple[str, str]] = {}

    def add(self, node: Any) -> None:
        """Add `node`, or the nodes that compute the same in int8."""
        if node.op_type == "MatMul" and self._is_matrix(node.input[1]):
            self._add_product(node)
        elif node.op_type == "Gather" and self._is_embedding(node):
            self._add_embedding(node)
        else:
            self._graph.node.append(node)

    def drop_unused_initializers(self) -> None:
        """Remove the fp32 weights that no node reads any more."""
        used = _read_names(self._graph)
        remaining = [item for item in self._graph.initializer if item.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(remaining)

    def _is_matrix(self, name: str) -> bool:
        weight = self._weights.get(name)
        return weight is not None and weight.ndim == 2 and weight.dtype == np.float32

    def _is_embedding(self, node: Any) -> bool:
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
        return self._is_matrix(node.input[0]) and axis == 0 and len(self._weights[node.input[0]]) >= _MIN_EMBEDDINGS

    def _add_product(self, node: Any) -> None:
        source, weight = node.input[0], node.input[1]
        width, out = self._weights[weight].shape
        rows, row_scale, leading = self._quantize(source, width)
        columns, column_scale = self._quantize_weight(weight, axis=0)
        name = node.output[0]
        one = self._constant("int8_one", np.array(1.0, dtype=np.float32))
        zero_point = self._constant("int8_zero_point", np.array(_ZERO_POINT, dtype=np.uint8))
        self._node(
            "MatMulIntegerToFloat", [rows, columns, one, column_scale, zero_point], f"{name}_product", microsoft=True
        )
        self._node("Mul", [f"{name}_product", row_scale], f"{name}_flat")
        self._node("Concat", [leading, self._constant(f"int8_{out}", np.array([out]))], f"{name}_shape", axis=0)
        self._node("Reshape", [f"{name}_flat", f"{name}_shape"], name)

    def _quantize(self, source: str, width: int) -> tuple[str, str, str]:
        """Return the names of the uint8 tensor `(tokens, width)`, its row scales `(tokens, 1)` and its leading axes."""
        if source not in self._quantized:
            flat, scale = f"{source}_rows", f"{source}_row_scale"
            flat_shape = self._constant(f"int8_flat_{width}", np.array([-1, width]))
            self._node("Shape", [source], f"{source}_leading", end=-1)
            self._node("Reshape", [source, flat_shape], flat)
            self._node("Abs", [flat], f"{flat}_abs")
            self._node("ReduceMax", [f"{flat}_abs", self._constant("int8_axis", np.array([1]))], f"{flat}_max")
            step = self._constant("int8_step", np.array(1 / 127, dtype=np.float32))
            self._node("Mul", [f"{flat}_max", step], f"{scale}_raw")
            smallest = self._constant("int8_smallest", np.array(SMALLEST_SCALE, dtype=np.float32))
            self._node("Max", [f"{scale}_raw", smallest], scale)
            self._node("Reshape", [scale, self._constant("int8_vector", np.array([-1]))], f"{scale}_vector")
            self._node("Shape", [f"{scale}_vector"], f"{scale}_count")
            self._node("ConstantOfShape", [f"{scale}_count"], f"{scale}_zeros", value=_uint8(_ZERO_POINT))
            inputs = [flat, f"{scale}_vector", f"{scale}_zeros"]
            self._node("QuantizeLinear", inputs, f"{source}_int8", axis=0)
            self._quantized[source] = (f"{source}_int8", scale, f"{source}_leading")
        return self._quantized[source]

    def _add_embedding(self, node: Any) -> None:
        table, ids, name = node.input[0], node.input[1], node.output[0]
        rows, scale = self._quantize_weight(table, axis=1)
        self._node("Gather", [rows, ids], f"{name}_stored")
        self._node("Gather", [scale, ids], f"{name}_stored_scale")
        self._node("Cast", [f"{name}_stored"], f"{name}_stored_float", to=1)
        axis = self._constant("int8_last", np.array([-1]))
        self._node("Unsqueeze", [f"{name}_stored_scale", axis], f"{name}_stored_column")
        self._node("Mul", [f"{name}_stored_float", f"{name}_stored_column"], name)

    def _quantize_weight(self, weight: str, *, axis: int) -> tuple[str, str]:
        """Return the names of the int8 weight and of its scales, one for each index of the axis that is not `axis`."""
        if weight not in self._int8_weights:
            values, scale = quantize_symmetric(self._weights[weight], axis=axis)
            self._int8_weights[weight] = (
                self._constant(f"{weight}_int8", values),
                self._constant(f"{weight}_scale", scale),
            )
        return self._int8_weights[weight]

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        if name not in self._weights:
            self._weights[name] = value
            self._graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def _node(
        self, operator: str, inputs: list[str], output: str, *, microsoft: bool = False, **attributes: Any
    ) -> None:
        from onnx import helper

        domain = "com.microsoft" if microsoft else ""
        self._graph.node.append(helper.make_node(operator, inputs, [output], output, domain=domain, **attributes))


def _read_names(graph: Any) -> set[str]:
    """Return the names of the tensors that the nodes of a graph read, and those of the graphs inside it."""
    inner = [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]
    return {name for node in graph.node for name in node.input}.union(*map(_read_names, inner))


def _uint8(value: int) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.array([value], dtype=np.uint8))


def _declare_domains(model: Any) -> None:
    """Declare only the operator sets in use: the optimiser of ONNX Runtime declares every one that it knows."""
    from onnx import helper

    used = {node.domain for node in model.graph.node}
    others = [item for item in model.opset_import if item.domain == "" or item.domain in used - {"com.microsoft"}]
    del model.opset_import[:]
    model.opset_import.extend([*others, helper.make_opsetid("com.microsoft", 1)])

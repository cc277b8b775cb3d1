"""Writes an encoder as an ONNX graph made for CPUs, in fp32 or in int8 with fixed activation scales.

It computes the same as the graph that PyTorch exports, in fewer steps:

- If the head reads only the first token, the last layer's query, output and feed-forward network are computed for this
  token only.
- The scale of the attention scores is part of the query's weights; the first token type is part of the positions.
- Tokens are in the order (seq, batch). Heads and texts then differ by a step in memory, which the matrix product of
  ONNX Runtime reads directly: three of four transpositions per layer disappear.
- In int8, a product adds its bias and both scales in the pass that writes its result.

Activation scales are constants, measured on real texts (`activation_ranges`): an answer cannot depend
on the other texts of its batch, and no pass over the activations is needed to find scales. For a product `X @ W + b`:

    A = saturate(round(X / scale) + zero_point)                           uint8, one scale per tensor
    B, column_scale = W, symmetric per column                             int8
    X @ W + b ~ ((A - zero_point) @ B) * scale * column_scale + b         float32

Products that read the same tensor share its quantised form. Embedding tables are in int8 with one scale per row. The
head runs once per text and stays in fp32: int8 would save little time and could change decisions.

Residual and normalisation stay two operators: the fused `SkipLayerNormalization` of ONNX Runtime made the whole graph
1.3 times as slow on the measured processors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.export.graphs.encoder_weights import (
    ClassificationHead,
    Embeddings,
    EncoderWeights,
    Layer,
    LayerNorm,
    Linear,
    PoolingHead,
    TokenHead,
)
from glossator.export.graphs.int8_weights import quantize_symmetric

OPSET = 20
_IR_VERSION = 10
_MASKED = -3e4
"""Added to the attention scores of padding: the exponential of the sum is 0 in fp32."""
_MIN_EMBEDDINGS = 256
"""Smaller tables stay in fp32: int8 would save nothing."""


@dataclass(frozen=True, slots=True)
class Range:
    """The smallest and largest value of a tensor; the range includes 0."""

    low: float
    high: float

    def scale_and_zero_point(self) -> tuple[np.float32, np.uint8]:
        """Return the scale and zero point that map the range to 0 to 255."""
        scale = np.float32(max(self.high - self.low, 1e-6) / 255.0)
        return scale, np.uint8(np.clip(np.rint(-self.low / scale), 0, 255))


@dataclass(frozen=True, slots=True)
class Quantization:
    """The ranges of the tensors that products read, by name, and the tensors whose products stay in fp32."""

    ranges: Mapping[str, Range]
    excluded: Collection[str] = ()


def product_input_names(weights: EncoderWeights) -> list[str]:
    """Return the names of the tensors that products read, in the order of computation."""
    first = [] if weights.embeddings.projection is None else ["embeddings"]
    kinds = ("input", "context", "up", "down")
    return first + [f"layer.{index}.{kind}" for index in range(len(weights.layers)) for kind in kinds]


def write_graph(weights: EncoderWeights, destination: Path, *, quantization: Quantization | None = None) -> None:
    """Write the graph to `destination`, with its weights inside.

    Inputs: `input_ids`, `attention_mask` and, if the weights have token types, `token_type_ids`; int64 `(batch, seq)`,
    both axes dynamic. Outputs: those of the head.

    Args:
        weights: The weights of the weights.
        destination: The file to write.
        quantization: Makes an int8 graph; without it the graph is in fp32.
    """
    _save(_GraphBuilder(quantization).build(weights), destination)


def write_activation_graph(weights: EncoderWeights, destination: Path) -> dict[str, str]:
    """Write the fp32 graph with the tensors that products read as further outputs.

    Returns the name of the output for each name of `product_input_names`.
    """
    builder = _GraphBuilder(None)
    graph = builder.build(weights)
    _save(graph, destination, list(dict.fromkeys(builder.product_inputs.values())))
    return builder.product_inputs


class _GraphBuilder:
    """Appends the operators of one graph, from the token ids to the logits."""

    def __init__(self, quantization: Quantization | None) -> None:
        self._quantization = quantization
        self._nodes: list[Any] = []
        self._initializers: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._quantized: dict[str, str] = {}
        self.product_inputs: dict[str, str] = {}
        """The tensor behind each name of `product_input_names`."""

    def build(self, weights: EncoderWeights) -> Any:
        """Return the graph."""
        hidden = self._embed(weights.embeddings)
        bias = self._attention_bias(weights)
        for index, layer in enumerate(weights.layers):
            first_only = index == len(weights.layers) - 1 and _reads_first_only(weights)
            hidden = self._layer(f"layer.{index}", layer, hidden, bias, weights, first_only=first_only)
        outputs = self._add_head(weights.head, hidden, len(weights.layers[-1].down.bias))
        from onnx import TensorProto, helper

        names = ["input_ids", "attention_mask"]
        names += [] if weights.embeddings.types is None else ["token_type_ids"]
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in names]
        declared = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
        return helper.make_graph(self._nodes, "encoder", inputs, declared, self._initializers)

    def _embed(self, embeddings: Embeddings) -> str:
        """Add the embeddings of the tokens, `(seq, batch, hidden)`."""
        ids = self._node("Transpose", ["input_ids"], perm=[1, 0])  # (seq, batch)
        words = self._look_up(embeddings.words, ids)
        table = self._constant(embeddings.positions)
        if embeddings.padding_id is None:
            length = self._node("Shape", [ids], start=0, end=1)
            zero, one = self._constant(np.array([0])), self._constant(np.array([1]))
            positions = self._node("Unsqueeze", [self._node("Slice", [table, zero, length, zero]), one])
        else:
            padding = self._constant(np.array(embeddings.padding_id))
            real = self._node("Cast", [self._node("Not", [self._node("Equal", [ids, padding])])], to=7)
            counted = self._node("CumSum", [real, self._constant(np.array(0))])
            numbers = self._node("Add", [self._node("Mul", [counted, real]), padding])
            positions = self._node("Gather", [table, numbers])  # (seq, batch, hidden)
        summed = self._node("Add", [words, positions])
        if embeddings.types is not None:
            types = self._node("Transpose", ["token_type_ids"], perm=[1, 0])  # (seq, batch)
            summed = self._node("Add", [summed, self._node("Gather", [self._constant(embeddings.types), types])])
        hidden = self._normalize(summed, embeddings.norm)
        if embeddings.projection is None:
            return hidden
        return self._product("embeddings", hidden, embeddings.projection)

    def _look_up(self, table: NDArray[np.float32], ids: str) -> str:
        """Add the rows of an embedding table for `ids`."""
        if self._quantization is None or len(table) < _MIN_EMBEDDINGS:
            return self._node("Gather", [self._constant(table), ids])
        values, scale = quantize_symmetric(table, axis=1)
        stored = self._node("Cast", [self._node("Gather", [self._constant(values), ids])], to=1)
        return self._node("Mul", [stored, self._node("Gather", [self._constant(scale[:, np.newaxis]), ids])])

    def _attention_bias(self, weights: EncoderWeights) -> str:
        """Add the bias of the attention scores, `(batch, heads or 1, seq or 1, seq)`.

        It masks padding and, if the family has relative positions, adds a bias for each distance.
        """
        mask = self._node("Cast", ["attention_mask"], to=1)
        masked = self._node("Mul", [self._node("Sub", [self._float(1.0), mask]), self._float(_MASKED)])
        masked = self._node("Unsqueeze", [masked, self._constant(np.array([1, 2]))])
        if weights.relative_bias is None:
            return masked
        middle = weights.relative_bias.shape[1] // 2
        length = self._node("Squeeze", [self._node("Shape", ["input_ids"], start=1, end=2)])
        places = self._node("Range", [self._constant(np.array(0)), length, self._constant(np.array(1))])
        across = self._node("Unsqueeze", [places, self._constant(np.array([0]))])
        down = self._node("Unsqueeze", [places, self._constant(np.array([1]))])
        distance = self._node("Add", [self._node("Sub", [across, down]), self._constant(np.array(middle))])
        table = self._constant(weights.relative_bias)
        return self._node("Add", [self._node("Gather", [table, distance], axis=1), masked])

    def _layer(
        self, name: str, layer: Layer, hidden: str, bias: str, weights: EncoderWeights, *, first_only: bool
    ) -> str:
        """Add one layer: `(seq, batch, hidden)` to the same shape, or to `(1, batch, hidden)` with `first_only`."""
        size = layer.query.weight.shape[1] // weights.heads
        query_input = self._first(hidden) if first_only else hidden
        if first_only and weights.relative_bias is not None:
            bias = self._first(bias, axis=2)
        query = self._split_heads(
            self._product(f"{name}.input", query_input, _scaled(layer.query, size**-0.5)), weights, size
        )
        key = self._split_heads(self._product(f"{name}.input", hidden, layer.key), weights, size, order=(1, 2, 3, 0))
        value = self._split_heads(self._product(f"{name}.input", hidden, layer.value), weights, size)
        scores = self._node("Add", [self._node("MatMul", [query, key]), bias])  # (batch, heads, seq, seq)
        shares = self._node("Softmax", [scores], axis=-1)
        mixed = self._node("Transpose", [self._node("MatMul", [shares, value])], perm=[2, 0, 1, 3])
        context = self._node("Reshape", [mixed, self._constant(np.array([0, 0, weights.heads * size]))])
        attended = self._product(f"{name}.context", context, layer.output)
        attended = self._normalize(self._node("Add", [attended, query_input]), layer.output_norm)
        wide = self._activate(self._product(f"{name}.up", attended, layer.up), weights.activation)
        back = self._product(f"{name}.down", wide, layer.down)
        return self._normalize(self._node("Add", [back, attended]), layer.down_norm)

    def _split_heads(
        self, tensor: str, weights: EncoderWeights, size: int, order: tuple[int, ...] = (1, 2, 0, 3)
    ) -> str:
        """Split `(seq, batch, hidden)` into `(batch, heads, seq, size)`, or another order of these axes."""
        shape = self._constant(np.array([0, 0, weights.heads, size]))
        return self._node("Transpose", [self._node("Reshape", [tensor, shape])], perm=list(order))

    def _add_head(
        self, head: ClassificationHead | TokenHead | PoolingHead, hidden: str, size: int
    ) -> dict[str, list[str | int]]:
        """Add the head; return its outputs with their axes."""
        if isinstance(head, ClassificationHead):
            self._classify(head, hidden)
            return {"logits": ["batch", len(head.output.bias)]}
        if isinstance(head, PoolingHead):
            self._pool(head, hidden)
            return (
                {"embedding": ["batch", size]} if head.output is None else {"logits": ["batch", len(head.output.bias)]}
            )
        product = self._node("MatMul", [hidden, self._constant(head.output.weight)])
        scores = self._node("Add", [product, self._constant(head.output.bias)])  # (seq, batch, labels)
        if not head.start_and_end:
            self._node("Transpose", [scores], output="logits", perm=[1, 0, 2])
            return {"logits": ["batch", "sequence", len(head.output.bias)]}
        for index, name in enumerate(("start_logits", "end_logits")):
            column = self._node("Gather", [scores, self._constant(np.array(index))], axis=2)  # (seq, batch)
            self._node("Transpose", [column], output=name, perm=[1, 0])
        return {name: ["batch", "sequence"] for name in ("start_logits", "end_logits")}

    def _pool(self, pooling: PoolingHead, hidden: str) -> None:
        zero = self._constant(np.array([0]))
        if pooling.first:
            vectors = self._node("Squeeze", [hidden, zero])  # (batch, hidden)
        else:
            mask = self._node("Cast", [self._node("Transpose", ["attention_mask"], perm=[1, 0])], to=1)  # (seq, batch)
            column = self._node("Unsqueeze", [mask, self._constant(np.array([2]))])
            total = self._node("ReduceSum", [self._node("Mul", [hidden, column]), zero], keepdims=0)
            vectors = self._node("Div", [total, self._node("ReduceSum", [column, zero], keepdims=0)])
        if pooling.normalized:
            length = self._node("ReduceL2", [vectors, self._constant(np.array([1]))], keepdims=1)
            vectors = self._node("Div", [vectors, self._node("Max", [length, self._float(1e-12)])])
        if pooling.output is None:
            self._node("Identity", [vectors], output="embedding")
        else:
            self._dense(vectors, pooling.output, output="logits")

    def _classify(self, head: ClassificationHead, hidden: str) -> None:
        first = self._node("Squeeze", [hidden, self._constant(np.array([0]))])  # (batch, hidden)
        dense = self._activate(self._dense(first, head.dense), head.activation)
        self._dense(dense, head.output, output="logits")

    def _first(self, tensor: str, axis: int = 0) -> str:
        start, stop = self._constant(np.array([0])), self._constant(np.array([1]))
        return self._node("Slice", [tensor, start, stop, self._constant(np.array([axis]))])

    def _product(self, name: str, tensor: str, linear: Linear) -> str:
        """Add `tensor @ weight + bias`, in int8 unless the tensor of that name is excluded."""
        self.product_inputs.setdefault(name, tensor)
        quantization = self._quantization
        if quantization is None or name in quantization.excluded:
            product = self._node("MatMul", [tensor, self._constant(linear.weight)])
            return self._node("Add", [product, self._constant(linear.bias)])
        scale, zero_point = (self._constant(value) for value in quantization.ranges[name].scale_and_zero_point())
        if tensor not in self._quantized:
            self._quantized[tensor] = self._node("QuantizeLinear", [tensor, scale, zero_point])
        weight, column_scale = quantize_symmetric(linear.weight, axis=0)
        columns = [self._constant(value) for value in (weight, column_scale, linear.bias)]
        inputs = [self._quantized[tensor], columns[0], scale, columns[1], zero_point, "", columns[2]]
        return self._node("MatMulIntegerToFloat", inputs, domain="com.microsoft")

    def _dense(self, tensor: str, linear: Linear, *, output: str | None = None) -> str:
        return self._node("Gemm", [tensor, self._constant(linear.weight), self._constant(linear.bias)], output=output)

    def _activate(self, tensor: str, activation: str) -> str:
        if activation in {"gelu", "gelu_tanh"}:
            return self._node("Gelu", [tensor], approximate="tanh" if activation == "gelu_tanh" else "none")
        return self._node({"relu": "Relu", "tanh": "Tanh"}[activation], [tensor])

    def _normalize(self, tensor: str, norm: LayerNorm) -> str:
        inputs = [tensor, self._constant(norm.weight), self._constant(norm.bias)]
        return self._node("LayerNormalization", inputs, axis=-1, epsilon=norm.epsilon)

    def _float(self, value: float) -> str:
        return self._constant(np.array(value, dtype=np.float32))

    def _constant(self, value: NDArray[Any] | np.generic) -> str:
        from onnx import numpy_helper

        value = np.asarray(value)
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants)}"
            self._initializers.append(numpy_helper.from_array(value, self._constants[key]))
        return self._constants[key]

    def _node(
        self, operator: str, inputs: list[str], *, domain: str = "", output: str | None = None, **attributes: Any
    ) -> str:
        from onnx import helper

        output = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], output, domain=domain, **attributes))
        return output


def _reads_first_only(weights: EncoderWeights) -> bool:
    """Whether the head reads only the first token."""
    return isinstance(weights.head, ClassificationHead) or (
        isinstance(weights.head, PoolingHead) and weights.head.first
    )


def _scaled(linear: Linear, factor: float) -> Linear:
    return Linear(linear.weight * np.float32(factor), linear.bias * np.float32(factor))


def _save(graph: Any, destination: Path, extra_outputs: Sequence[str] = ()) -> None:
    """Write the graph, with `extra_outputs` as further outputs."""
    import onnx
    from onnx import TensorProto, helper

    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 3) for name in extra_outputs)
    domains = {node.domain for node in graph.node}
    imports = [helper.make_opsetid("", OPSET)]
    imports += [helper.make_opsetid("com.microsoft", 1)] if "com.microsoft" in domains else []
    model = helper.make_model(graph, opset_imports=imports, ir_version=_IR_VERSION, producer_name="glossator")
    onnx.checker.check_model(model)
    onnx.save(model, destination)

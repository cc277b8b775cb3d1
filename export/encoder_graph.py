"""Writes an encoder as an ONNX graph made for the CPU, in fp32 or in int8 with fixed activation scales.

Against the graph that PyTorch exports it computes the same in fewer steps:

- The last layer's query, output and feed-forward network are computed for the first token alone where the head reads
  no other.
- The scale of the attention scores is part of the query's weights, and the first token type part of the positions.
- Tokens lie in the order (seq, batch): heads are then parted from texts by a step in memory, which ONNX Runtime's
  product takes as it multiplies, and three of four transpositions a layer are never carried out.
- In int8, a product adds its bias and both scales in the pass that writes its result.

Activation scales are constants, measured on real texts before (`glossator.export.activation_ranges`), so an answer cannot depend on what
else is in the batch, and no pass over the activations is needed to find them. For a product `X @ W + b`:

    A = saturate(round(X / scale) + zero_point)                           uint8, one scale for the tensor
    B, column_scale = W, symmetric for each column                        int8
    X @ W + b ~ ((A - zero_point) @ B) * scale * column_scale + b         float32

Products that read one tensor share its quantisation. Embedding tables are in int8 with a scale for each row. The head
runs once a text and stays in fp32: it costs nothing, and decides.

Residual and normalisation stay two operators: ONNX Runtime's fused `SkipLayerNormalization` took 1.3 times as long over
the whole graph on the processors measured.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.export.encoder_weights import Embeddings, Encoder, Head, Layer, Linear, Norm, Pooling, TokenHead
from glossator.export.int8_weights import symmetric

OPSET = 20
_IR_VERSION = 10
_MASKED = -3e4
"""Added to the scores of padding: its exponential is 0 in fp32."""
_MIN_EMBEDDINGS = 256
"""Smaller tables are not worth a scale for each row."""

Names = dict[str, str]


@dataclass(frozen=True, slots=True)
class Range:
    """The values that a tensor takes, 0 among them."""

    low: float
    high: float

    def scale_and_zero_point(self) -> tuple[np.float32, np.uint8]:
        """The step and the zero point that spread the range over 0 to 255."""
        scale = np.float32(max(self.high - self.low, 1e-6) / 255.0)
        return scale, np.uint8(np.clip(np.rint(-self.low / scale), 0, 255))


@dataclass(frozen=True, slots=True)
class Quantization:
    """Ranges of the tensors that products read, by their names, and the tensors whose products stay in fp32."""

    ranges: Mapping[str, Range]
    excluded: Collection[str] = ()


def tensor_names(encoder: Encoder) -> list[str]:
    """The names of the tensors that products read, in the order in which they are computed."""
    begin = [] if encoder.embeddings.projection is None else ["embeddings"]
    kinds = ("input", "context", "up", "down")
    return begin + [f"layer.{index}.{kind}" for index in range(len(encoder.layers)) for kind in kinds]


def write_graph(encoder: Encoder, destination: Path, *, quantization: Quantization | None = None) -> None:
    """Writes the graph to `destination`: `input_ids, attention_mask` and, with types, `token_type_ids` (int64,
    batch x seq, both free) to the outputs of its head, with its weights inside. int8 where `quantization` is given,
    else fp32."""
    _save(_Builder(quantization).build(encoder), destination)


def write_probe(encoder: Encoder, destination: Path) -> Names:
    """Writes the fp32 graph with the tensors that products read as outputs; the output of each tensor by its name."""
    builder = _Builder(None)
    graph = builder.build(encoder)
    _save(graph, destination, list(dict.fromkeys(builder.read.values())))
    return builder.read


class _Builder:
    """Appends the operators of one graph, from the token ids to the logits."""

    def __init__(self, quantization: Quantization | None) -> None:
        self._quantization = quantization
        self._nodes: list[Any] = []
        self._initializers: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._quantised: dict[str, str] = {}
        self.read: Names = {}
        """The tensor that the products of each name read."""

    def build(self, encoder: Encoder) -> Any:
        """The graph, without its outputs' declarations."""
        hidden = self._embed(encoder.embeddings)
        bias = self._attention_bias(encoder)
        for index, layer in enumerate(encoder.layers):
            first_alone = index == len(encoder.layers) - 1 and _reads_first_alone(encoder)
            hidden = self._layer(f"layer.{index}", layer, hidden, bias, encoder, first_alone=first_alone)
        outputs = self._finish(encoder.head, hidden, len(encoder.layers[-1].down.bias))
        from onnx import TensorProto, helper

        names = ["input_ids", "attention_mask"]
        names += [] if encoder.embeddings.types is None else ["token_type_ids"]
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in names]
        declared = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
        return helper.make_graph(self._nodes, "encoder", inputs, declared, self._initializers)

    def _embed(self, embeddings: Embeddings) -> str:
        """`(seq, batch, hidden)`."""
        ids = self._node("Transpose", ["input_ids"], perm=[1, 0])  # (seq, batch)
        words = self._rows(embeddings.words, ids)
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
        hidden = self._normalise(summed, embeddings.norm)
        if embeddings.projection is None:
            return hidden
        return self._product("embeddings", hidden, embeddings.projection)

    def _rows(self, table: NDArray[np.float32], ids: str) -> str:
        """The rows of an embedding table."""
        if self._quantization is None or len(table) < _MIN_EMBEDDINGS:
            return self._node("Gather", [self._constant(table), ids])
        values, scale = symmetric(table, axis=1)
        stored = self._node("Cast", [self._node("Gather", [self._constant(values), ids])], to=1)
        return self._node("Mul", [stored, self._node("Gather", [self._constant(scale[:, np.newaxis]), ids])])

    def _attention_bias(self, encoder: Encoder) -> str:
        """What is added to every attention score, `(batch, heads or 1, seq or 1, seq)`: padding is masked, and
        distances count where the family has a bias for them."""
        mask = self._node("Cast", ["attention_mask"], to=1)
        masked = self._node("Mul", [self._node("Sub", [self._float(1.0), mask]), self._float(_MASKED)])
        masked = self._node("Unsqueeze", [masked, self._constant(np.array([1, 2]))])
        if encoder.relative_bias is None:
            return masked
        middle = encoder.relative_bias.shape[1] // 2
        length = self._node("Squeeze", [self._node("Shape", ["input_ids"], start=1, end=2)])
        places = self._node("Range", [self._constant(np.array(0)), length, self._constant(np.array(1))])
        across = self._node("Unsqueeze", [places, self._constant(np.array([0]))])
        down = self._node("Unsqueeze", [places, self._constant(np.array([1]))])
        distance = self._node("Add", [self._node("Sub", [across, down]), self._constant(np.array(middle))])
        table = self._constant(encoder.relative_bias)
        return self._node("Add", [self._node("Gather", [table, distance], axis=1), masked])

    def _layer(self, name: str, layer: Layer, hidden: str, bias: str, encoder: Encoder, *, first_alone: bool) -> str:
        """One layer: `(seq, batch, hidden)` to the same, or to `(1, batch, hidden)` with `first_alone`."""
        size = layer.query.weight.shape[1] // encoder.heads
        reader = self._first(hidden) if first_alone else hidden
        if first_alone and encoder.relative_bias is not None:
            bias = self._first(bias, axis=2)
        query = self._heads(self._product(f"{name}.input", reader, _scaled(layer.query, size**-0.5)), encoder, size)
        key = self._heads(self._product(f"{name}.input", hidden, layer.key), encoder, size, order=(1, 2, 3, 0))
        value = self._heads(self._product(f"{name}.input", hidden, layer.value), encoder, size)
        scores = self._node("Add", [self._node("MatMul", [query, key]), bias])  # (batch, heads, seq, seq)
        shares = self._node("Softmax", [scores], axis=-1)
        mixed = self._node("Transpose", [self._node("MatMul", [shares, value])], perm=[2, 0, 1, 3])
        context = self._node("Reshape", [mixed, self._constant(np.array([0, 0, encoder.heads * size]))])
        attended = self._product(f"{name}.context", context, layer.output)
        attended = self._normalise(self._node("Add", [attended, reader]), layer.output_norm)
        wide = self._activate(self._product(f"{name}.up", attended, layer.up), encoder.activation)
        back = self._product(f"{name}.down", wide, layer.down)
        return self._normalise(self._node("Add", [back, attended]), layer.down_norm)

    def _heads(self, tensor: str, encoder: Encoder, size: int, order: tuple[int, ...] = (1, 2, 0, 3)) -> str:
        """`(seq, batch, hidden)` to `(batch, heads, seq, size)`, or another order of these axes."""
        shape = self._constant(np.array([0, 0, encoder.heads, size]))
        return self._node("Transpose", [self._node("Reshape", [tensor, shape])], perm=list(order))

    def _finish(self, head: Head | TokenHead | Pooling, hidden: str, size: int) -> dict[str, list[str | int]]:
        """The outputs of the head, with their axes."""
        if isinstance(head, Head):
            self._classify(head, hidden)
            return {"logits": ["batch", len(head.output.bias)]}
        if isinstance(head, Pooling):
            self._pool(head, hidden)
            return (
                {"embedding": ["batch", size]} if head.output is None else {"logits": ["batch", len(head.output.bias)]}
            )
        product = self._node("MatMul", [hidden, self._constant(head.output.weight)])
        scores = self._node("Add", [product, self._constant(head.output.bias)])  # (seq, batch, labels)
        if not head.sides:
            self._node("Transpose", [scores], output="logits", perm=[1, 0, 2])
            return {"logits": ["batch", "sequence", len(head.output.bias)]}
        for side, name in enumerate(("start_logits", "end_logits")):
            column = self._node("Gather", [scores, self._constant(np.array(side))], axis=2)  # (seq, batch)
            self._node("Transpose", [column], output=name, perm=[1, 0])
        return {name: ["batch", "sequence"] for name in ("start_logits", "end_logits")}

    def _pool(self, pooling: Pooling, hidden: str) -> None:
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

    def _classify(self, head: Head, hidden: str) -> None:
        first = self._node("Squeeze", [hidden, self._constant(np.array([0]))])  # (batch, hidden)
        dense = self._activate(self._dense(first, head.dense), head.activation)
        self._dense(dense, head.output, output="logits")

    def _first(self, tensor: str, axis: int = 0) -> str:
        start, stop = self._constant(np.array([0])), self._constant(np.array([1]))
        return self._node("Slice", [tensor, start, stop, self._constant(np.array([axis]))])

    def _product(self, name: str, tensor: str, linear: Linear) -> str:
        """`tensor @ weight + bias`, in int8 if the tensor of that name is to be quantised."""
        self.read.setdefault(name, tensor)
        quantization = self._quantization
        if quantization is None or name in quantization.excluded:
            product = self._node("MatMul", [tensor, self._constant(linear.weight)])
            return self._node("Add", [product, self._constant(linear.bias)])
        scale, zero_point = (self._constant(value) for value in quantization.ranges[name].scale_and_zero_point())
        if tensor not in self._quantised:
            self._quantised[tensor] = self._node("QuantizeLinear", [tensor, scale, zero_point])
        weight, column_scale = symmetric(linear.weight, axis=0)
        columns = [self._constant(value) for value in (weight, column_scale, linear.bias)]
        inputs = [self._quantised[tensor], columns[0], scale, columns[1], zero_point, "", columns[2]]
        return self._node("MatMulIntegerToFloat", inputs, domain="com.microsoft")

    def _dense(self, tensor: str, linear: Linear, *, output: str | None = None) -> str:
        return self._node("Gemm", [tensor, self._constant(linear.weight), self._constant(linear.bias)], output=output)

    def _activate(self, tensor: str, activation: str) -> str:
        if activation in {"gelu", "gelu_tanh"}:
            return self._node("Gelu", [tensor], approximate="tanh" if activation == "gelu_tanh" else "none")
        return self._node({"relu": "Relu", "tanh": "Tanh"}[activation], [tensor])

    def _normalise(self, tensor: str, norm: Norm) -> str:
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


def _reads_first_alone(encoder: Encoder) -> bool:
    """Whether the head reads no token but the first."""
    return isinstance(encoder.head, Head) or (isinstance(encoder.head, Pooling) and encoder.head.first)


def _scaled(linear: Linear, factor: float) -> Linear:
    return Linear(linear.weight * np.float32(factor), linear.bias * np.float32(factor))


def _save(graph: Any, destination: Path, further: Sequence[str] = ()) -> None:
    """Writes the graph, with `further` tensors as outputs."""
    import onnx
    from onnx import TensorProto, helper

    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 3) for name in further)
    domains = {node.domain for node in graph.node}
    imports = [helper.make_opsetid("", OPSET)]
    imports += [helper.make_opsetid("com.microsoft", 1)] if "com.microsoft" in domains else []
    model = helper.make_model(graph, opset_imports=imports, ir_version=_IR_VERSION, producer_name="glossator")
    onnx.checker.check_model(model)
    onnx.save(model, destination)

"""Pools the vectors of tokens in a graph, as `modeling.pooling` does in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glossator.export.onnx_source.node_writer import NodeWriter

_SMALLEST_LENGTH = np.float32(1e-12)
_SMALLEST_COUNT = np.float32(1e-9)
_BELOW_ALL = np.float32(-1e9)


def add_pooling(writer: NodeWriter, tokens: str, poolings: Sequence[str]) -> str:
    """Return the vectors `(batch, dimension)` of texts from those of tokens, `(batch, seq, dimension)`, in fp32.

    Reads the input `attention_mask`; texts are padded on the right. Vectors of several poolings are concatenated.
    """
    vectors = [_POOLINGS[name](writer, tokens) for name in poolings]
    return vectors[0] if len(vectors) == 1 else writer.add("Concat", vectors, "poolings", axis=1)


def add_normalization(writer: NodeWriter, vectors: str) -> str:
    """Return the vectors scaled to length 1."""
    last, smallest = writer.constant("last", np.array([-1])), writer.constant("smallest_length", _SMALLEST_LENGTH)
    length = writer.add("ReduceL2", [vectors, last], "length", keepdims=1)
    return writer.add("Div", [vectors, writer.add("Max", [length, smallest], "length_or_more")], "unit_vector")


def _first(writer: NodeWriter, tokens: str) -> str:
    return writer.add("Gather", [tokens, writer.constant("zero", np.array(0))], "first_token", axis=1)


def _last(writer: NodeWriter, tokens: str) -> str:
    along, one = writer.constant("along_tokens", np.array([1])), writer.constant("one", np.array(1))
    count = writer.add("ReduceSum", ["attention_mask", along], "token_count", keepdims=1)  # (batch, 1)
    return writer.add("GatherND", [tokens, writer.add("Sub", [count, one], "last_index")], "last_token", batch_dims=1)


def _largest(writer: NodeWriter, tokens: str) -> str:
    from onnx import TensorProto

    along, last = writer.constant("along_tokens", np.array([1])), writer.constant("last", np.array([-1]))
    mask = writer.add("Cast", ["attention_mask"], "is_token", to=TensorProto.BOOL)
    mask = writer.add("Unsqueeze", [mask, last], "is_token_column")  # (batch, seq, 1)
    masked = writer.add("Where", [mask, tokens, writer.constant("below_all", _BELOW_ALL)], "tokens_or_below_all")
    return writer.add("ReduceMax", [masked, along], "largest", keepdims=0)


def _mean(writer: NodeWriter, tokens: str) -> str:
    return _weighted_sum(writer, tokens, _mask(writer, "mean"), "mean")


def _mean_by_root(writer: NodeWriter, tokens: str) -> str:
    return _weighted_sum(writer, tokens, _mask(writer, "root"), "mean_sqrt_len", root=True)


def _weighted_mean(writer: NodeWriter, tokens: str) -> str:
    """Weigh each token by its position, 1, 2, ..."""
    mask, axis = _mask(writer, "weighted"), writer.constant("token_axis", np.array(1))
    positions = writer.add("CumSum", [mask, axis], "token_position")
    return _weighted_sum(writer, tokens, writer.add("Mul", [positions, mask], "position_weight"), "weighted_mean")


def _mask(writer: NodeWriter, name: str) -> str:
    """Return 1.0 for tokens, 0.0 for padding, `(batch, seq)`."""
    from onnx import TensorProto

    return writer.add("Cast", ["attention_mask"], f"mask_{name}", to=TensorProto.FLOAT)


def _weighted_sum(writer: NodeWriter, tokens: str, weights: str, name: str, *, root: bool = False) -> str:
    """Return the sum of the tokens, divided by the sum of their weights or by its root."""
    along, last = writer.constant("along_tokens", np.array([1])), writer.constant("last", np.array([-1]))
    column = writer.add("Unsqueeze", [weights, last], f"{name}_weights")
    weighed = writer.add("Mul", [tokens, column], f"{name}_tokens")
    total = writer.add("ReduceSum", [weighed, along], f"{name}_sum", keepdims=0)
    count = writer.add("ReduceSum", [weights, along], f"{name}_count", keepdims=1)  # (batch, 1)
    count = writer.add("Max", [count, writer.constant("smallest_count", _SMALLEST_COUNT)], f"{name}_count_or_more")
    if root:
        count = writer.add("Sqrt", [count], f"{name}_root")
    return writer.add("Div", [total, count], f"{name}_vector")


_POOLINGS = {
    "mean": _mean,
    "cls": _first,
    "max": _largest,
    "last": _last,
    "weighted_mean": _weighted_mean,
    "mean_sqrt_len": _mean_by_root,
}

"""Writes the graph of a linear model on n-grams: what `NgramLinearModel` computes, with the same steps.

Written without PyTorch's exporter, which takes half a minute for it. All sums are in fp64.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from glossator.export.graphs.graph_builder import GraphBuilder
from glossator.modeling.architectures.ngram_linear import SMALLEST_LENGTH
from glossator.modeling.architectures.pair_table import FACTORS

_INT64, _FLOAT, _DOUBLE = 7, 1, 11


class _NgramBuilder(GraphBuilder):
    """Adds what `GraphBuilder` lacks: a sort, and shorter ways to write arithmetic on integers."""

    def sort(self, tensor: str, count: str) -> str:
        """Add the `count` smallest entries of each row, ascending."""
        from onnx import helper

        outputs = ["sorted", "sorted_places"]
        self._scope.node.append(helper.make_node("TopK", [tensor, count], outputs, "sort", axis=1, largest=0, sorted=1))
        return outputs[0]

    def integer(self, value: int) -> str:
        return self.constant(np.array(value, dtype=np.int64))

    def double(self, value: float) -> str:
        return self.constant(np.array(value, dtype=np.float64))

    def cast(self, tensor: str, kind: int) -> str:
        return self.node("Cast", [tensor], to=kind)

    def slice_row(self, tensor: str, start: str, end: str) -> str:
        """Add the columns from `start` to `end`, tensors of one entry."""
        return self.node("Slice", [tensor, start, end, self.integers(1)])

    def columns(self, tensor: str) -> str:
        """Add the number of columns of a tensor `(batch, columns)`, as a tensor of one entry."""
        return self.node("Shape", [tensor], start=1, end=2)


def write_ngram_graph(model: Any, destination: Path) -> None:
    """Write the graph of an `NgramLinearModel`. Raises ConfigError if it does not fit into one file."""
    config, builder = model.config, _NgramBuilder()
    ids = builder.node("Mul", ["input_ids", "attention_mask"])  # (batch, seq)
    if config.dropped_from:
        ids = _without_dropped(builder, ids, config.dropped_from)
    nodes = _ngrams(builder, ids, model)
    nodes = builder.sort(nodes, builder.columns(nodes))  # (batch, grams)
    before = builder.node("Pad", [nodes, builder.integers(0, 1, 0, 0), builder.integer(-1)])
    before = builder.slice_row(before, builder.integers(0), builder.integers(-1))
    first = builder.node("Not", [builder.node("Equal", [nodes, before])])  # one position of each n-gram
    value = builder.node("Mul", [_frequency(builder, nodes, first, config.counting), _idf(builder, model, nodes)])
    value = builder.node("Mul", [value, builder.cast(first, _DOUBLE)])
    if config.norm != "none":
        value = builder.node("Div", [value, _length(builder, value, config.norm)])
    rows = builder.node("Gather", [builder.constant(model.weights.weight.detach().numpy()), nodes])
    value = builder.node("Unsqueeze", [value, builder.integers(1)])
    logits = builder.node("MatMul", [value, builder.cast(rows, _DOUBLE)])  # (batch, 1, labels)
    logits = builder.node("Squeeze", [logits, builder.integers(1)])
    logits = builder.node("Add", [logits, builder.constant(model.bias.detach().numpy().astype(np.float64))])
    if config.link == "log_sigmoid":
        logits = _log_sigmoid(builder, logits)
    builder.node("Cast", [logits], to=_FLOAT, output="logits")
    builder.save(destination, ["input_ids", "attention_mask"], {"logits": ["batch", config.num_labels]})


def _without_dropped(builder: _NgramBuilder, ids: str, dropped_from: int) -> str:
    """Add the ids without stop words, filled up with 0 at the end."""
    dropped = builder.node("GreaterOrEqual", [ids, builder.integer(dropped_from)])
    kept = builder.cast(builder.node("Not", [dropped]), _INT64)
    place = builder.node("Sub", [builder.node("CumSum", [kept, builder.integer(1)]), builder.integer(1)])
    last = builder.columns(ids)
    place = builder.node("Where", [dropped, last, place])  # stop words go to an extra column
    empty = builder.node("Mul", [builder.node("Pad", [ids, builder.integers(0, 0, 0, 1)]), builder.integer(0)])
    moved = builder.node("ScatterElements", [empty, place, ids], axis=1)
    return builder.slice_row(moved, builder.integers(0), last)


def _ngrams(builder: _NgramBuilder, ids: str, model: Any) -> str:
    """Add the n-grams of all sizes, `(batch, longest * seq)`."""
    longest = model.config.longest
    if longest == 1:
        return ids
    length = builder.columns(ids)
    padded = builder.node("Pad", [ids, builder.integers(0, 0, 0, longest - 1)])
    levels = [ids]
    for offset in range(1, longest):
        end = builder.node("Add", [length, builder.integers(offset)])
        following = builder.slice_row(padded, builder.integers(offset), end)
        levels.append(_look_up(builder, model.table, levels[-1], following))
    return builder.node("Concat", levels, axis=1)


def _look_up(builder: _NgramBuilder, table: Any, first: str, second: str) -> str:
    """Add the value of each pair in a `PairTable`."""
    slots, pairs = builder.integer(table.slots), table.pairs.numpy()
    weighted = [
        builder.node("Mul", [each, builder.integer(factor)])
        for each, factor in zip((first, second), FACTORS, strict=True)
    ]
    home = builder.node("Mod", [builder.node("Add", weighted), slots])
    home = builder.node("Unsqueeze", [home, builder.integers(-1)])
    probed = builder.node("Mod", [builder.node("Add", [home, builder.integers(*range(table.probes))]), slots])
    same = [
        builder.node(
            "Equal",
            [
                builder.node("Gather", [builder.constant(pairs[:, side]), probed]),
                builder.node("Unsqueeze", [each, builder.integers(-1)]),
            ],
        )
        for side, each in enumerate((first, second))
    ]
    found = builder.cast(builder.node("And", same), _INT64)
    values = builder.node("Gather", [builder.constant(table.values.numpy()), probed])
    return builder.node("ReduceSum", [builder.node("Mul", [values, found]), builder.integers(-1)], keepdims=0)


def _frequency(builder: _NgramBuilder, nodes: str, first: str, counting: str) -> str:
    """Add the frequency of the n-gram at each position of sorted `nodes`, from how often it occurs."""
    one = builder.integer(1)
    run = builder.node("Sub", [builder.node("CumSum", [builder.cast(first, _INT64), one]), one])
    zeros = builder.node("Mul", [nodes, builder.integer(0)])
    ones = builder.node("Add", [zeros, one])
    counts = builder.node("ScatterElements", [zeros, run, ones], axis=1, reduction="add")
    count = builder.cast(builder.node("GatherElements", [counts, run], axis=1), _DOUBLE)
    if counting == "binary":
        return builder.cast(ones, _DOUBLE)
    if counting == "sublinear":
        return builder.node("Add", [builder.node("Log", [count]), builder.double(1.0)])
    return count


def _idf(builder: _NgramBuilder, model: Any, nodes: str) -> str:
    return builder.cast(builder.node("Gather", [builder.constant(model.idf.numpy()), nodes]), _DOUBLE)


def _length(builder: _NgramBuilder, value: str, norm: str) -> str:
    axis = builder.integers(1)
    if norm == "l2":
        squares = builder.node("ReduceSum", [builder.node("Mul", [value, value]), axis], keepdims=1)
        length = builder.node("Sqrt", [squares])
    else:
        length = builder.node("ReduceSum", [builder.node("Abs", [value]), axis], keepdims=1)
    return builder.node("Max", [length, builder.double(SMALLEST_LENGTH)])


def _log_sigmoid(builder: _NgramBuilder, logits: str) -> str:
    shrunk = builder.node("Exp", [builder.node("Neg", [builder.node("Abs", [logits])])])
    softplus = builder.node("Log", [builder.node("Add", [shrunk, builder.double(1.0)])])
    return builder.node("Sub", [builder.node("Min", [logits, builder.double(0.0)]), softplus])

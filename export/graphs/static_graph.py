"""Writes the graph of a table of token vectors: what `StaticTableModel` computes, and the layers after it.

Written without PyTorch's exporter, which takes half a minute for a few operators.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from glossator.export.graphs.families.heads import read_vector_steps
from glossator.export.graphs.families.torch_modules import read_array
from glossator.export.graphs.graph_builder import GraphBuilder
from glossator.export.graphs.vector_head import add_steps

STATIC_TABLE = "glossator-static-table"
"""`StaticTableConfig.model_type`: importing that module imports torch."""
_FLOAT = 1


def is_static(model: Any) -> bool:
    """Whether a model is a table of token vectors, alone or with layers after it."""
    return str(getattr(model.config, "encoder", model.config).model_type) == STATIC_TABLE


def write_static_graph(model: Any, destination: Path) -> None:
    """Write the graph of a `StaticTableModel`, or of a `TextVectorModel` with one as its encoder.

    Raises ConfigError if the table does not fit into one file.
    """
    table, builder = getattr(model, "encoder", model), GraphBuilder()
    vectors = _add_mean(builder, table)
    size = int(table.config.hidden_size)
    if table is not model:
        vectors = add_steps(builder, read_vector_steps(model), vectors)
        size = int(model.config.dimension)
    builder.node("Identity", [vectors], output="embedding")
    builder.save(destination, ["input_ids", "attention_mask"], {"embedding": ["batch", size]})


def _add_mean(builder: GraphBuilder, table: Any) -> str:
    """Add the mean of the weighted token vectors, `(batch, size)`."""
    config, ids = table.config, "input_ids"
    counted = builder.node("Cast", ["attention_mask"], to=_FLOAT)  # (batch, seq)
    if config.ignored is not None:
        ignored = builder.node("Equal", [ids, builder.constant(np.array(config.ignored, dtype=np.int64))])
        known = builder.node("Cast", [builder.node("Not", [ignored])], to=_FLOAT)
        counted = builder.node("Mul", [counted, known])
    shares = counted
    if config.weighted:
        weights = builder.node("Gather", [builder.constant(read_array(table.weights)), ids])
        shares = builder.node("Mul", [counted, weights])
    rows = builder.node("Gather", [builder.constant(table.row_of.numpy()), ids]) if config.mapped else ids
    vectors = builder.node("Gather", [builder.constant(read_array(table.table.weight)), rows])  # (batch, seq, size)
    summed = builder.node("MatMul", [builder.node("Unsqueeze", [shares, builder.integers(1)]), vectors])
    summed = builder.node("Squeeze", [summed, builder.integers(1)])
    count = builder.node("ReduceSum", [counted, builder.integers(1)], keepdims=1)
    return builder.node("Div", [summed, builder.node("Max", [count, builder.number(1.0)])])

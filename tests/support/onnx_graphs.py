"""Small ONNX graphs, as other tools export them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import numpy_helper, parser

WIDTH = 6
"""Width of the token vectors of toy graphs."""
LABELS = 3
PLAIN = "int64[b,s] input_ids, int64[b,s] attention_mask"
_MEAN = """
    tokens = Gather (table, input_ids)
    mask = Cast <to: int = 1> (attention_mask)
    column = Unsqueeze (mask, last)
    masked = Mul (tokens, column)
    total = ReduceSum <keepdims: int = 0> (masked, along)
    count = ReduceSum <keepdims: int = 0> (column, along)
    mean = Div (total, count)
"""
_TAGS = """
    tokens = Gather (table, input_ids)
    products = MatMul (tokens, head)
"""
KINDS = {
    "logits": (f"float[b,{LABELS}] logits", f"{_MEAN} logits = MatMul (mean, head)"),
    "vectors": (f"float[b,{WIDTH}] sentence_embedding", f"{_MEAN} sentence_embedding = LpNormalization (mean)"),
    "tokens": (f"float[b,s,{WIDTH}] last_hidden_state", "last_hidden_state = Gather (table, input_ids)"),
    "tags": (f"float[b,s,{LABELS}] logits", f"{_TAGS} logits = Identity (products)"),
    "spans": (
        "float[b,s] start_logits, float[b,s] end_logits",
        f"{_TAGS} start_logits = Gather <axis: int = 2> (products, zero)"
        " end_logits = Gather <axis: int = 2> (products, one)",
    ),
}


def toy_graph(
    kind: str = "logits",
    *,
    vocabulary: int = 50,
    inputs: str = PLAIN,
    outputs: str = "",
    body: str = "",
    opset: int = 14,
) -> Any:
    """Return a graph of the mean of token vectors, and what its kind computes of it.

    `inputs`, `outputs` and `body` replace those of the kind, in the text format of ONNX.
    """
    usual_outputs, usual_body = KINDS[kind]
    model = parser.parse_model(
        f'<ir_version: 8, opset_import: ["": {opset}]> '
        f"toy ({inputs}) => ({outputs or usual_outputs}) {{ {body or usual_body} }}"
    )
    chance = np.random.default_rng(3)
    constants = {
        "table": chance.normal(size=(vocabulary, WIDTH)).astype(np.float32),
        "head": chance.normal(size=(WIDTH, LABELS)).astype(np.float32),
        "last": np.array([-1]),
        "along": np.array([1]),
        "zero": np.array(0),
        "one": np.array(1),
    }
    used = {name for node in model.graph.node for name in node.input}
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in constants.items() if name in used
    )
    return model


def constants_of(model: Any) -> dict[str, Any]:
    """Return the constants of a graph as arrays."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def export_graph(
    model: Any, file: Path, outputs: Sequence[str], *, inputs: Sequence[str] = INPUTS, opset: int = 14
) -> None:
    """Export a model of transformers as optimum does: by TorchScript, with dynamic axes."""
    import torch

    class Wrapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: Any) -> Any:
            found = self.model(**dict(zip(inputs, tensors, strict=True)))
            return tuple(found[name] for name in outputs)

    example = torch.ones(2, 7, dtype=torch.long)
    axes = {name: {0: "batch_size", 1: "sequence_length"} for name in (*inputs, *outputs)}
    file.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Wrapped().eval(),
            tuple(torch.zeros_like(example) if name == "token_type_ids" else example for name in inputs),
            str(file),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes | {"logits": {0: "batch_size"}},
            opset_version=opset,
            dynamo=False,
        )


def random_model(base: Path, auto: str, **settings: Any) -> Any:
    """Return a model of a family with distinct random weights: exporters store equal ones once."""
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(base, attn_implementation="eager", **settings)
    torch.manual_seed(11)
    model = getattr(transformers, auto).from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model

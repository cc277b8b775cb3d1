"""Finds the weights of a known family in its ONNX graph, so that Glossator's own graph can be written of them.

Exporters keep the names of biases and tables, but fold a transposed weight into a constant without a name
(`onnx::MatMul_470`). The bias that is added to the product names it: `layer.0.output.dense.bias` belongs to
`layer.0.output.dense.weight`. Without a bias, the node does: `/encoder/layers.0/attn/Wo/MatMul`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.export.onnx_source.reference_session import ReferenceSession
from glossator.modeling.torch_session import TorchSession, auto_class
from glossator.service.bundle.task import Task, TaskName

Arrays = dict[str, NDArray[Any]]

_LENGTHS = (3, 8, 5, 24)
_SAME = 1e-4
"""Largest |difference| of logits between a graph and the model that its weights make."""


def recover_model(graph: Path, config: Any, task: Task, reference: ReferenceSession) -> Any | None:
    """Return the model of transformers with the weights of a graph.

    None if a weight is not found, or if the model does not compute what the graph computes: names prove nothing.
    """
    import onnx
    import torch

    family = str(config.model_type)
    try:
        model = auto_class(task.task, family).from_config(config, dtype=torch.float32, attn_implementation="eager")
    except Exception:  # transformers raises many types for configurations with wrong fields
        return None
    found = _match(_named_weights(onnx.load(graph)), model.state_dict(), task.task)
    if found is None:
        return None
    model.load_state_dict(found, strict=False)
    agrees = _agrees(TorchSession(model.eval(), task), reference, int(config.vocab_size))
    return model if agrees else None


def _agrees(model: TorchSession, reference: ReferenceSession, vocabulary: int) -> bool:
    """Return whether both give the same outputs for windows of random tokens."""
    chance = np.random.default_rng(0)
    windows = [chance.integers(vocabulary, size=length).tolist() for length in _LENGTHS]
    pairs = zip(model.run(windows), reference.run(windows), strict=True)
    return all(float(np.abs(one - other).max()) <= _SAME for one, other in pairs)


def _named_weights(model: Any) -> Arrays:
    """Return the constants of a graph by the names of PyTorch; those without such a name by the bias that is added."""
    from onnx import numpy_helper

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Identity" and node.input[0] in constants:  # equal weights are stored once
            constants[node.output[0]] = constants[node.input[0]]
    weights = {}
    for node in model.graph.node:
        if node.op_type == "Add":
            for bias, product in (tuple(node.input), tuple(reversed(node.input))):
                if bias in constants and bias.endswith(".bias"):
                    weights[product] = bias.removesuffix("bias") + "weight"
    found = {name: numpy_helper.to_array(tensor) for name, tensor in constants.items() if "." in name}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in constants:
            scope = node.name.removesuffix("/MatMul").strip("/").replace("/", ".")
            name = weights.get(node.output[0], f"{scope}.weight")
            found.setdefault(name, numpy_helper.to_array(constants[node.input[1]]).T)
    return found


def _match(found: Arrays, expected: Mapping[str, Any], task: TaskName) -> dict[str, Any] | None:
    """Return the weights by the names that are expected; None if one is missing. Poolers without use may be."""
    import torch

    unused = () if task in ("text-classification", "text-pair") else ("pooler.",)
    matched = {}
    for name, wanted in expected.items():
        values = _find(found, name)
        if values is not None and values.shape == wanted.shape:
            matched[name] = torch.from_numpy(np.array(values))
        elif not any(part in name for part in unused):
            return None
    return matched


def _find(found: Arrays, name: str) -> NDArray[Any] | None:
    """Return the weight with a name, to which exporters add the names of wrapping modules; None if it is not clear."""
    if name in found:
        return found[name]
    wrapped = [each for each in found if each.endswith(f".{name}")]
    return found[wrapped[0]] if len(wrapped) == 1 else None

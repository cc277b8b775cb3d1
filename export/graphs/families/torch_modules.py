"""The modules of PyTorch as plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from glossator.export.graphs.encoder_weights import Floats, LayerNorm, Linear

ACTIVATIONS = {
    "gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu", "silu": "silu",
    "swish": "silu",
}  # fmt: skip
"""The activation functions, by their names in a configuration."""

ROTARY_BY_LENGTH = ("dynamic", "longrope")
"""Kinds of rotary positions whose angles depend on the length of the text. No graph has them."""


def read_linear(module: Any) -> Linear:
    """Return the weights of a `torch.nn.Linear`."""
    return Linear(np.ascontiguousarray(read_array(module.weight).T), _read_bias(module))


def read_norm(module: Any) -> LayerNorm:
    """Return the weights of a layer normalisation."""
    epsilon = module.variance_epsilon if hasattr(module, "variance_epsilon") else module.eps  # DeBERTa has its own
    return LayerNorm(read_array(module.weight), _read_bias(module), float(epsilon))


def read_array(tensor: Any) -> Floats:
    """Return a tensor in fp32."""
    return np.asarray(tensor.detach().float().cpu().numpy())


def _read_bias(module: Any) -> Floats | None:
    return None if module.bias is None else read_array(module.bias)


def read_activation(config: Any, *names: str) -> str | None:
    """Return the activation function that a configuration sets under one of `names`; None if the graph lacks it."""
    values = (getattr(config, name, None) for name in names)
    return ACTIVATIONS.get(str(next((value for value in values if value), "")))

"""Reads ModernBERT (Warner et al. 2024), and what has its `model_type`: Ettin encoders, mmBERT, Granite R2.

It has rotary positions, layers that see all tokens alternating with layers that see the near ones, gated feed-forward
networks, and norms before the products.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glossator.export.graphs.encoder_weights import (
    ClassificationHead,
    Embeddings,
    EncoderWeights,
    Floats,
    Head,
    Layer,
    Linear,
    Rotary,
    TokenHead,
    Transform,
)
from glossator.export.graphs.families.heads import pooling_head
from glossator.export.graphs.families.torch_modules import (
    ACTIVATIONS,
    ROTARY_BY_LENGTH,
    read_activation,
    read_array,
    read_linear,
    read_norm,
)
from glossator.service.bundle.task import Task


def read_modernbert(model: Any, task: Task) -> EncoderWeights | None:
    """Return the weights of ModernBERT."""
    config, body = model.config, getattr(model, "model", model)
    activation = read_activation(config, "hidden_activation")
    rotary = {kind: _read_rotary(body.rotary_emb, kind) for kind in set(config.layer_types)}
    head = _read_head(model, task)
    if activation is None or head is None or None in rotary.values():
        return None
    reaches = {"full_attention": None, "sliding_attention": config.sliding_window}
    return EncoderWeights(
        embeddings=Embeddings(
            words=read_array(body.embeddings.tok_embeddings.weight),
            positions=None,
            norm=read_norm(body.embeddings.norm),
        ),
        layers=tuple(
            _read_layer(layer, rotary[kind], reaches[kind])
            for layer, kind in zip(body.layers, config.layer_types, strict=True)
        ),
        heads=config.num_attention_heads,
        activation=activation,
        head=head,
        pre_norm=True,
        final_norm=read_norm(body.final_norm),
    )


def _read_layer(layer: Any, rotary: Rotary | None, reach: int | None) -> Layer:
    query, key, value = _split(read_linear(layer.attn.Wqkv), 3)
    up, gate = _split(read_linear(layer.mlp.Wi), 2)
    return Layer(
        query=query,
        key=key,
        value=value,
        output=read_linear(layer.attn.Wo),
        attention_norm=read_norm(layer.attn_norm) if hasattr(layer.attn_norm, "weight") else None,
        up=up,
        down=read_linear(layer.mlp.Wo),
        feed_forward_norm=read_norm(layer.mlp_norm),
        gate=gate,
        rotary=rotary,
        reach=reach,
    )


def _split(linear: Linear, parts: int) -> list[Linear]:
    """Return products that lie side by side in one."""
    weights = np.split(linear.weight, parts, axis=1)
    biases: list[Floats | None] = [None] * parts
    if linear.bias is not None:
        biases = list(np.split(linear.bias, parts))
    return [Linear(np.ascontiguousarray(weight), bias) for weight, bias in zip(weights, biases, strict=True)]


def _read_rotary(module: Any, kind: str) -> Rotary | None:
    if module.rope_type[kind] in ROTARY_BY_LENGTH:
        return None
    frequencies = read_array(getattr(module, f"{kind}_inv_freq"))
    return Rotary(frequencies, float(getattr(module, f"{kind}_attention_scaling")))


def _read_head(model: Any, task: Task) -> Head | None:
    if task.task == "text-embedding":
        return pooling_head(task)
    config = model.config
    activation = ACTIVATIONS.get(config.classifier_activation)
    if activation is None:
        return None
    transform = Transform(read_linear(model.head.dense), activation, read_norm(model.head.norm))
    output = read_linear(model.classifier)
    if task.task in ("token-classification", "question-answering"):
        return TokenHead(output, start_and_end=task.task == "question-answering", transform=transform)
    return ClassificationHead(transform, output, mean=config.classifier_pooling == "mean")

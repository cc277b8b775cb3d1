"""Reads NomicBERT (Nussbaum et al. 2024), GTE (Zhang et al. 2024) and Jina embeddings v3 (Sturua et al. 2024).

They are BERT with rotary positions and, but for Jina, with gated feed-forward networks.
"""

from __future__ import annotations

from typing import Any

from glossator.export.graphs.encoder_weights import ClassificationHead, EncoderWeights, Layer, Rotary, Transform
from glossator.export.graphs.families.bert_like import read_embeddings
from glossator.export.graphs.families.heads import dense_head, read_head
from glossator.export.graphs.families.torch_modules import (
    ACTIVATIONS,
    ROTARY_BY_LENGTH,
    read_array,
    read_linear,
    read_norm,
)
from glossator.service.bundle.task import Task


def read_rotary_bert(model: Any, task: Task) -> EncoderWeights | None:
    """Return the weights of one of these models; None if its rotary positions depend on the length of the text."""
    config, body = model.config, model.base_model
    activation = ACTIVATIONS.get(config.hidden_act)
    if activation is None or body.rotary_emb.rope_type in ROTARY_BY_LENGTH:
        return None
    rotary = Rotary(read_array(body.rotary_emb.inv_freq), float(body.rotary_emb.attention_scaling))

    def classifier() -> ClassificationHead:
        if hasattr(model.classifier, "out_proj"):
            return dense_head(model, "tanh")
        return ClassificationHead(Transform(read_linear(body.pooler.dense), "tanh"), read_linear(model.classifier))

    return EncoderWeights(
        embeddings=read_embeddings(body.embeddings),
        layers=tuple(_layer(layer, rotary) for layer in body.layers),
        heads=config.num_attention_heads,
        activation=activation,
        head=read_head(model, task, classifier),
    )


def _layer(layer: Any, rotary: Rotary) -> Layer:
    attention, network = layer.self_attn, layer.mlp
    gated = hasattr(network, "gate_proj")  # the result of the gate goes through the activation
    return Layer(
        query=read_linear(attention.q_proj),
        key=read_linear(attention.k_proj),
        value=read_linear(attention.v_proj),
        output=read_linear(attention.o_proj),
        attention_norm=read_norm(layer.post_attention_layernorm),
        up=read_linear(network.gate_proj if gated else network.fc1),
        gate=read_linear(network.up_proj) if gated else None,
        down=read_linear(network.down_proj if gated else network.fc2),
        feed_forward_norm=read_norm(layer.post_mlp_layernorm),
        rotary=rotary,
    )

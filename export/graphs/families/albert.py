"""Reads ALBERT: BERT whose layers share their weights, with embeddings narrower than its layers (Lan et al. 2020)."""

from __future__ import annotations

from typing import Any

from glossator.export.graphs.encoder_weights import ClassificationHead, EncoderWeights, Layer, Transform
from glossator.export.graphs.families.bert_like import read_embeddings
from glossator.export.graphs.families.heads import read_head
from glossator.export.graphs.families.torch_modules import read_activation, read_linear, read_norm
from glossator.service.bundle.task import Task


def read_albert(model: Any, task: Task) -> EncoderWeights | None:
    """Return the weights of ALBERT. Shared weights are the same arrays, which a graph stores once."""
    config, body = model.config, getattr(model, "albert", model)
    activation = read_activation(config, "hidden_act")
    if activation is None:
        return None

    def classifier() -> ClassificationHead:
        return ClassificationHead(Transform(read_linear(body.pooler), "tanh"), read_linear(model.classifier))

    groups = [[_layer(layer) for layer in group.albert_layers] for group in body.encoder.albert_layer_groups]
    repeats = config.num_hidden_layers / len(groups)  # a share of the layers, also where it is not a whole number
    return EncoderWeights(
        embeddings=read_embeddings(body.embeddings, projection=body.encoder.embedding_hidden_mapping_in),
        layers=tuple(layer for index in range(config.num_hidden_layers) for layer in groups[int(index / repeats)]),
        heads=config.num_attention_heads,
        activation=activation,
        head=read_head(model, task, classifier),
    )


def _layer(layer: Any) -> Layer:
    attention = layer.attention
    return Layer(
        query=read_linear(attention.query),
        key=read_linear(attention.key),
        value=read_linear(attention.value),
        output=read_linear(attention.dense),
        attention_norm=read_norm(attention.LayerNorm),
        up=read_linear(layer.ffn),
        down=read_linear(layer.ffn_output),
        feed_forward_norm=read_norm(layer.full_layer_layer_norm),
    )

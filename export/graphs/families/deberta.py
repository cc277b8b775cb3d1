"""Reads DeBERTa and DeBERTa-v2 and v3: BERT with disentangled attention (He et al. 2021)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.export.graphs.encoder_weights import (
    ClassificationHead,
    EncoderWeights,
    Floats,
    Layer,
    Linear,
    PositionTables,
    Transform,
)
from glossator.export.graphs.families.bert_like import read_embeddings
from glossator.export.graphs.families.heads import read_head
from glossator.export.graphs.families.torch_modules import (
    ACTIVATIONS,
    read_activation,
    read_array,
    read_linear,
    read_norm,
)
from glossator.service.bundle.task import Task


@dataclass(frozen=True, slots=True)
class _Projections:
    """The products of a layer's attention: of tokens, and of distances for keys and for queries if it has them.

    `parts`: the number of products that add up to the scores, which are divided by its root.
    """

    query: Linear
    key: Linear
    value: Linear
    distance_key: Linear | None
    distance_query: Linear | None
    parts: int


def read_deberta(model: Any, task: Task) -> EncoderWeights | None:
    """Return the weights of DeBERTa; None with products across heads (`talking_head`), or with narrower embeddings."""
    body = model.base_model
    if any(layer.attention.self.talking_head for layer in body.encoder.layer):
        return None
    return _encoder(model, body, task, _projections)


def read_deberta_v2(model: Any, task: Task) -> EncoderWeights | None:
    """Return the weights of DeBERTa-v2 or v3.

    None with a convolution (v2-xlarge), with narrower embeddings, and with an odd number of buckets: the last of them
    lies beyond the longest distance of the configuration.
    """
    body = model.base_model
    buckets = getattr(body.encoder, "position_buckets", -1)
    if body.encoder.conv is not None or (buckets > 0 and buckets % 2):
        return None
    return _encoder(model, body, task, _projections_v2)


def _encoder(model: Any, body: Any, task: Task, projections: Callable[[Any], _Projections]) -> EncoderWeights | None:
    config = model.config
    activation = read_activation(config, "hidden_act")
    if activation is None or body.embeddings.embed_proj is not None:
        return None
    if task.task in ("text-classification", "text-pair") and config.pooler_hidden_act not in ACTIVATIONS:
        return None

    def classifier() -> ClassificationHead:
        pooler = Transform(read_linear(model.pooler.dense), ACTIVATIONS[config.pooler_hidden_act])
        return ClassificationHead(pooler, read_linear(model.classifier))

    embedded = body.encoder.get_rel_embedding()
    distances = None if embedded is None else read_array(embedded)  # (rows, hidden)
    heads = config.num_attention_heads
    return EncoderWeights(
        embeddings=read_embeddings(body.embeddings),
        layers=tuple(
            _layer(layer, projections(layer.attention.self), distances, heads) for layer in body.encoder.layer
        ),
        heads=heads,
        activation=activation,
        head=read_head(model, task, classifier),
        distance_rows=None if distances is None else _distance_rows(body.encoder),
    )


def _layer(layer: Any, projections: _Projections, distances: Floats | None, heads: int) -> Layer:
    return Layer(
        query=projections.query.scaled(projections.parts**-0.5),
        key=projections.key,
        value=projections.value,
        output=read_linear(layer.attention.output.dense),
        attention_norm=read_norm(layer.attention.output.LayerNorm),
        up=read_linear(layer.intermediate.dense),
        down=read_linear(layer.output.dense),
        feed_forward_norm=read_norm(layer.output.LayerNorm),
        position_tables=None if distances is None else _position_tables(projections, distances, heads),
    )


def _position_tables(projections: _Projections, distances: Floats, heads: int) -> PositionTables:
    """Return the projected embeddings of the distances, with the scale of the scores."""

    def project(linear: Linear | None) -> Floats | None:
        if linear is None:
            return None
        rows = distances @ linear.weight
        rows = rows if linear.bias is None else rows + linear.bias
        return np.ascontiguousarray(rows.reshape(len(rows), heads, -1).swapaxes(0, 1))  # (heads, rows, size)

    # Queries carry the scale of their scores already.
    size = projections.query.width // heads
    scale = (size * projections.parts) ** -0.5
    query = projections.distance_query
    return PositionTables(project(projections.distance_key), project(None if query is None else query.scaled(scale)))


def _projections(attention: Any) -> _Projections:
    """Return the products of DeBERTa, whose queries, keys and values alternate by heads in one matrix."""
    heads = attention.num_attention_heads
    weight = read_array(attention.in_proj.weight)  # (3 * heads * size, hidden)
    query, key, value = (
        np.ascontiguousarray(each.reshape(-1, weight.shape[1]).T)  # (hidden, heads * size)
        for each in weight.reshape(heads, 3, -1, weight.shape[1]).swapaxes(0, 1)
    )
    distance_key, distance_query = (getattr(attention, name, None) for name in ("pos_proj", "pos_q_proj"))
    return _Projections(
        query=Linear(query, read_array(attention.q_bias)),
        key=Linear(key),
        value=Linear(value, read_array(attention.v_bias)),
        distance_key=None if distance_key is None else read_linear(distance_key),
        distance_query=None if distance_query is None else read_linear(distance_query),
        parts=1 + len(attention.pos_att_type),
    )


def _projections_v2(attention: Any) -> _Projections:
    """Return the products of DeBERTa-v2, whose distances may share those of tokens."""
    kinds = [kind for kind in ("c2p", "p2c") if kind in attention.pos_att_type]
    query, key, value = (read_linear(getattr(attention, f"{name}_proj")) for name in ("query", "key", "value"))
    distance_key = distance_query = None
    if attention.relative_attention and "c2p" in kinds:
        distance_key = key if attention.share_att_key else read_linear(attention.pos_key_proj)
    if attention.relative_attention and "p2c" in kinds:
        distance_query = query if attention.share_att_key else read_linear(attention.pos_query_proj)
    return _Projections(query, key, value, distance_key, distance_query, 1 + len(kinds))


def _distance_rows(encoder: Any) -> NDArray[np.int64]:
    """Return the row of each distance, from the longest negative one on; farther distances have the same rows."""
    import torch
    from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

    longest, buckets = encoder.max_relative_positions, getattr(encoder, "position_buckets", -1)
    distances = torch.arange(-longest, longest + 1)
    if buckets > 0:
        distances = make_log_bucket_position(distances, buckets, longest).long()
    middle = buckets if buckets > 0 else longest
    return np.asarray((distances + middle).clamp(0, 2 * middle - 1).numpy(), dtype=np.int64)

"""Reads MPNet: BERT with a bias of the attention scores for each distance between two tokens (Song et al. 2020)."""

from __future__ import annotations

from typing import Any

from glossator.export.graphs.encoder_weights import EncoderWeights, Floats, Layer
from glossator.export.graphs.families.bert_like import read_embeddings
from glossator.export.graphs.families.heads import dense_head, read_head
from glossator.export.graphs.families.torch_modules import read_activation, read_array, read_linear, read_norm
from glossator.service.bundle.task import Task


def read_mpnet(model: Any, task: Task) -> EncoderWeights | None:
    """Return the weights of MPNet."""
    activation = read_activation(model.config, "hidden_act")
    if activation is None:
        return None
    body = getattr(model, "mpnet", model)

    def layer(each: Any) -> Layer:
        return Layer(
            query=read_linear(each.attention.attn.q),
            key=read_linear(each.attention.attn.k),
            value=read_linear(each.attention.attn.v),
            output=read_linear(each.attention.attn.o),
            attention_norm=read_norm(each.attention.LayerNorm),
            up=read_linear(each.intermediate.dense),
            down=read_linear(each.output.dense),
            feed_forward_norm=read_norm(each.output.LayerNorm),
        )

    return EncoderWeights(
        embeddings=read_embeddings(body.embeddings, padding_id=body.embeddings.padding_idx),
        layers=tuple(layer(each) for each in body.encoder.layer),
        heads=model.config.num_attention_heads,
        activation=activation,
        head=read_head(model, task, lambda: dense_head(model, "tanh")),
        relative_bias=_relative_bias(body, model.config.max_position_embeddings),
    )


def _relative_bias(body: Any, longest: int) -> Floats:
    """Return the bias of each distance, taken from the matrix that the model computes for its longest text."""
    import torch

    with torch.no_grad():
        matrix = body.encoder.compute_position_bias(torch.zeros(1, longest, 1))[0]  # (heads, query, key)
    before, after = matrix[:, 1:, 0].flip(1), matrix[:, 0, :]
    return read_array(torch.cat([before, after], dim=1))

"""A PyTorch classifier to plain arrays: what an encoder of post-norm Transformer layers consists of.

The families of BERT differ in names, in how positions are counted and in their heads; what they compute is the same
(Vaswani et al. 2017; Devlin et al. 2019). From these arrays `export.graph` writes a graph made for the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu"}
"""Names in a configuration to names here."""


@dataclass(frozen=True, slots=True)
class Linear:
    """`x @ weight + bias`: weight `(in, out)`, bias `(out,)`."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Norm:
    """Layer normalisation over the last axis."""

    weight: Floats
    bias: Floats
    epsilon: float


@dataclass(frozen=True, slots=True)
class Layer:
    """Self-attention and feed-forward network, each added to its input and then normalised."""

    query: Linear
    key: Linear
    value: Linear
    output: Linear
    output_norm: Norm
    up: Linear
    down: Linear
    down_norm: Norm


@dataclass(frozen=True, slots=True)
class Embeddings:
    """`norm(words[ids] + positions[...])`, then `projection` where there is one.

    `positions` holds the first token type too: its vector is added to every token. With `padding_id` positions count
    the tokens that are not padding, beginning behind that id (RoBERTa, MPNet); without it they count from 0.
    """

    words: Floats
    positions: Floats
    norm: Norm
    padding_id: int | None = None
    projection: Linear | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """`output(activation(dense(first token)))`."""

    dense: Linear
    activation: str
    output: Linear


@dataclass(frozen=True, slots=True)
class Encoder:
    """Everything that the graph computes with. `relative_bias` `(heads, 2 * positions - 1)` is added to the attention
    scores by distance, key minus query, from the most negative on."""

    embeddings: Embeddings
    layers: tuple[Layer, ...]
    heads: int
    activation: str
    head: Head
    relative_bias: Floats | None = None


def read_encoder(model: Any) -> Encoder | None:
    """The arrays of a classifier of transformers, or None where it is of a family or a kind that is not known here."""
    config = model.config
    reader = _READERS.get(config.model_type)
    activation = ACTIVATIONS.get(str(getattr(config, "hidden_act", None) or getattr(config, "activation", "")))
    relative = getattr(config, "position_embedding_type", None) or "absolute"
    if reader is None or activation is None or relative != "absolute" or getattr(config, "is_decoder", False):
        return None
    return reader(model, activation)


def _bert(model: Any, activation: str) -> Encoder:
    return Encoder(
        embeddings=_embeddings(model.bert.embeddings),
        layers=tuple(_bert_layer(layer) for layer in model.bert.encoder.layer),
        heads=model.config.num_attention_heads,
        activation=activation,
        head=Head(_linear(model.bert.pooler.dense), "tanh", _linear(model.classifier)),
    )


def _electra(model: Any, activation: str) -> Encoder:
    projection = getattr(model.electra, "embeddings_project", None)
    return Encoder(
        embeddings=_embeddings(model.electra.embeddings, projection=projection),
        layers=tuple(_bert_layer(layer) for layer in model.electra.encoder.layer),
        heads=model.config.num_attention_heads,
        activation=activation,
        head=Head(_linear(model.classifier.dense), "gelu", _linear(model.classifier.out_proj)),
    )


def _roberta(model: Any, activation: str) -> Encoder:
    return Encoder(
        embeddings=_embeddings(model.roberta.embeddings, padding_id=model.roberta.embeddings.padding_idx),
        layers=tuple(_bert_layer(layer) for layer in model.roberta.encoder.layer),
        heads=model.config.num_attention_heads,
        activation=activation,
        head=Head(_linear(model.classifier.dense), "tanh", _linear(model.classifier.out_proj)),
    )


def _distilbert(model: Any, activation: str) -> Encoder:
    def layer(each: Any) -> Layer:
        return Layer(
            query=_linear(each.attention.q_lin),
            key=_linear(each.attention.k_lin),
            value=_linear(each.attention.v_lin),
            output=_linear(each.attention.out_lin),
            output_norm=_norm(each.sa_layer_norm),
            up=_linear(each.ffn.lin1),
            down=_linear(each.ffn.lin2),
            down_norm=_norm(each.output_layer_norm),
        )

    return Encoder(
        embeddings=_embeddings(model.distilbert.embeddings),
        layers=tuple(layer(each) for each in model.distilbert.transformer.layer),
        heads=model.config.n_heads,
        activation=activation,
        head=Head(_linear(model.pre_classifier), "relu", _linear(model.classifier)),
    )


def _mpnet(model: Any, activation: str) -> Encoder:
    def layer(each: Any) -> Layer:
        return Layer(
            query=_linear(each.attention.attn.q),
            key=_linear(each.attention.attn.k),
            value=_linear(each.attention.attn.v),
            output=_linear(each.attention.attn.o),
            output_norm=_norm(each.attention.LayerNorm),
            up=_linear(each.intermediate.dense),
            down=_linear(each.output.dense),
            down_norm=_norm(each.output.LayerNorm),
        )

    return Encoder(
        embeddings=_embeddings(model.mpnet.embeddings, padding_id=model.mpnet.embeddings.padding_idx),
        layers=tuple(layer(each) for each in model.mpnet.encoder.layer),
        heads=model.config.num_attention_heads,
        activation=activation,
        head=Head(_linear(model.classifier.dense), "tanh", _linear(model.classifier.out_proj)),
        relative_bias=_relative_bias(model),
    )


_READERS: dict[str, Callable[[Any, str], Encoder]] = {
    "bert": _bert,
    "electra": _electra,
    "roberta": _roberta,
    "xlm-roberta": _roberta,
    "distilbert": _distilbert,
    "mpnet": _mpnet,
}


def _bert_layer(layer: Any) -> Layer:
    attention = layer.attention
    return Layer(
        query=_linear(attention.self.query),
        key=_linear(attention.self.key),
        value=_linear(attention.self.value),
        output=_linear(attention.output.dense),
        output_norm=_norm(attention.output.LayerNorm),
        up=_linear(layer.intermediate.dense),
        down=_linear(layer.output.dense),
        down_norm=_norm(layer.output.LayerNorm),
    )


def _embeddings(module: Any, *, padding_id: int | None = None, projection: Any = None) -> Embeddings:
    positions = _array(module.position_embeddings.weight)
    token_types = getattr(module, "token_type_embeddings", None)
    if token_types is not None:
        positions = positions + _array(token_types.weight)[0]
    return Embeddings(
        words=_array(module.word_embeddings.weight),
        positions=positions,
        norm=_norm(module.LayerNorm),
        padding_id=padding_id,
        projection=None if projection is None else _linear(projection),
    )


def _relative_bias(model: Any) -> Floats:
    """The bias of each distance, read off the square that the model itself computes for its longest text."""
    import torch

    longest = model.config.max_position_embeddings
    with torch.no_grad():
        square = model.mpnet.encoder.compute_position_bias(torch.zeros(1, longest, 1))[0]  # (heads, query, key)
    before, after = square[:, 1:, 0].flip(1), square[:, 0, :]
    return _array(torch.cat([before, after], dim=1))


def _linear(module: Any) -> Linear:
    return Linear(np.ascontiguousarray(_array(module.weight).T), _array(module.bias))


def _norm(module: Any) -> Norm:
    return Norm(_array(module.weight), _array(module.bias), float(module.eps))


def _array(tensor: Any) -> Floats:
    return np.asarray(tensor.detach().float().cpu().numpy())

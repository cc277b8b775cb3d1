"""Reads the weights of a PyTorch encoder with post-norm Transformer layers into plain arrays.

The families of BERT differ in the names of their weights, in how positions are counted and in their heads; the
computation is the same (Vaswani et al. 2017; Devlin et al. 2019). `encoder_graph` writes a graph for CPUs from
these arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.torch_session import takes_token_types
from glossator.service.bundle.task import Task, TextEmbedding

Floats = NDArray[np.float32]

ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu"}
"""The activation functions, by their names in a configuration."""


@dataclass(frozen=True, slots=True)
class Linear:
    """`x @ weight + bias`: weight `(in, out)`, bias `(out,)`."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """Layer normalisation over the last axis."""

    weight: Floats
    bias: Floats
    epsilon: float


@dataclass(frozen=True, slots=True)
class Layer:
    """Self-attention and feed-forward network; each is added to its input and then normalised."""

    query: Linear
    key: Linear
    value: Linear
    output: Linear
    output_norm: LayerNorm
    up: Linear
    down: Linear
    down_norm: LayerNorm


@dataclass(frozen=True, slots=True)
class Embeddings:
    """`norm(words[ids] + positions[...])`, then `projection` if there is one.

    With `types`, the graph reads the type of each token and adds its vector; without, `positions` includes the vector
    of the first type. With `padding_id`, positions count the tokens that are not padding, starting after that id
    (RoBERTa, MPNet); without, they count from 0.
    """

    words: Floats
    positions: Floats
    norm: LayerNorm
    padding_id: int | None = None
    projection: Linear | None = None
    types: Floats | None = None


@dataclass(frozen=True, slots=True)
class ClassificationHead:
    """`output(activation(dense(first token)))`."""

    dense: Linear
    activation: str
    output: Linear


@dataclass(frozen=True, slots=True)
class TokenHead:
    """`output(token)` for every token.

    With `start_and_end`, its two values become the outputs `start_logits` and `end_logits`.
    """

    output: Linear
    start_and_end: bool = False


@dataclass(frozen=True, slots=True)
class PoolingHead:
    """The mean of the tokens that are not padding or, with `first`, the first token.

    `normalized`: the vector has length 1. `output`: maps the vector to logits.
    """

    first: bool
    normalized: bool
    output: Linear | None = None


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """All weights of an encoder.

    `relative_bias`, `(heads, 2 * positions - 1)`, is added to the attention scores by distance (key minus query), from
    the most negative distance on.
    """

    embeddings: Embeddings
    layers: tuple[Layer, ...]
    heads: int
    activation: str
    head: ClassificationHead | TokenHead | PoolingHead
    relative_bias: Floats | None = None


def read_encoder(model: Any, task: Task) -> EncoderWeights | None:
    """Return the weights of a model of transformers; None if its family or its configuration is not known here."""
    if model.config.model_type == "glossator-pooled":
        inner = read_encoder(model.encoder, _headless_task(task, model.encoder.config.hidden_size))
        pooling = PoolingHead(first=False, normalized=True, output=_linear(model.classifier))
        return None if inner is None else replace(inner, head=pooling)
    config = model.config
    reader = _READERS.get(config.model_type)
    activation = ACTIVATIONS.get(str(getattr(config, "hidden_act", None) or getattr(config, "activation", "")))
    relative = getattr(config, "position_embedding_type", None) or "absolute"
    if reader is None or activation is None or relative != "absolute" or getattr(config, "is_decoder", False):
        return None
    encoder = reader(model, activation, task)
    if not takes_token_types(model, task):
        return encoder
    body = getattr(model, model.base_model_prefix, model)
    types = _array(body.embeddings.token_type_embeddings.weight)
    positions = encoder.embeddings.positions - types[0]
    return replace(encoder, embeddings=replace(encoder.embeddings, positions=positions, types=types))


def _headless_task(task: Task, dimension: int) -> TextEmbedding:
    """Return the task of an encoder without a head."""
    return TextEmbedding(dimension=dimension, encoding=task.encoding, provenance=task.provenance)


def _head(
    model: Any, task: Task, classifier: Callable[[], ClassificationHead]
) -> ClassificationHead | TokenHead | PoolingHead:
    """Return the head of a task; `classifier` reads the head of a classifier."""
    if task.task == "token-classification":
        return TokenHead(_linear(model.classifier))
    if task.task == "question-answering":
        return TokenHead(_linear(model.qa_outputs), start_and_end=True)
    if task.task == "text-embedding":
        return PoolingHead(first=task.pooling == "cls", normalized=task.normalized)
    return classifier()


def _bert(model: Any, activation: str, task: Task) -> EncoderWeights:
    body = getattr(model, "bert", model)
    return EncoderWeights(
        embeddings=_embeddings(body.embeddings),
        layers=tuple(_bert_layer(layer) for layer in body.encoder.layer),
        heads=model.config.num_attention_heads,
        activation=activation,
        head=_head(
            model, task, lambda: ClassificationHead(_linear(body.pooler.dense), "tanh", _linear(model.classifier))
        ),
    )


def _electra(model: Any, activation: str, task: Task) -> EncoderWeights:
    body = getattr(model, "electra", model)
    projection = getattr(body, "embeddings_project", None)
    return EncoderWeights(
        embeddings=_embeddings(body.embeddings, projection=projection),
        layers=tuple(_bert_layer(layer) for layer in body.encoder.layer),
        heads=model.config.num_attention_heads,
        activation=activation,
        head=_head(model, task, lambda: _dense_head(model, "gelu")),
    )


def _roberta(model: Any, activation: str, task: Task) -> EncoderWeights:
    body = getattr(model, "roberta", model)
    return EncoderWeights(
        embeddings=_embeddings(body.embeddings, padding_id=body.embeddings.padding_idx),
        layers=tuple(_bert_layer(layer) for layer in body.encoder.layer),
        heads=model.config.num_attention_heads,
        activation=activation,
        head=_head(model, task, lambda: _dense_head(model, "tanh")),
    )


def _distilbert(model: Any, activation: str, task: Task) -> EncoderWeights:
    body = getattr(model, "distilbert", model)

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

    return EncoderWeights(
        embeddings=_embeddings(body.embeddings),
        layers=tuple(layer(each) for each in body.transformer.layer),
        heads=model.config.n_heads,
        activation=activation,
        head=_head(
            model, task, lambda: ClassificationHead(_linear(model.pre_classifier), "relu", _linear(model.classifier))
        ),
    )


def _mpnet(model: Any, activation: str, task: Task) -> EncoderWeights:
    body = getattr(model, "mpnet", model)

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

    return EncoderWeights(
        embeddings=_embeddings(body.embeddings, padding_id=body.embeddings.padding_idx),
        layers=tuple(layer(each) for each in body.encoder.layer),
        heads=model.config.num_attention_heads,
        activation=activation,
        head=_head(model, task, lambda: _dense_head(model, "tanh")),
        relative_bias=_relative_bias(body, model.config.max_position_embeddings),
    )


def _dense_head(model: Any, activation: str) -> ClassificationHead:
    return ClassificationHead(_linear(model.classifier.dense), activation, _linear(model.classifier.out_proj))


_READERS: dict[str, Callable[[Any, str, Task], EncoderWeights]] = {
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


def _relative_bias(body: Any, longest: int) -> Floats:
    """Return the bias of each distance, taken from the matrix that the model computes for its longest text."""
    import torch

    with torch.no_grad():
        matrix = body.encoder.compute_position_bias(torch.zeros(1, longest, 1))[0]  # (heads, query, key)
    before, after = matrix[:, 1:, 0].flip(1), matrix[:, 0, :]
    return _array(torch.cat([before, after], dim=1))


def _linear(module: Any) -> Linear:
    return Linear(np.ascontiguousarray(_array(module.weight).T), _array(module.bias))


def _norm(module: Any) -> LayerNorm:
    return LayerNorm(_array(module.weight), _array(module.bias), float(module.eps))


def _array(tensor: Any) -> Floats:
    return np.asarray(tensor.detach().float().cpu().numpy())

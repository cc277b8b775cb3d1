"""Reads BERT, ERNIE, RemBERT, RoBERTa, XLM-R, CamemBERT, data2vec, ELECTRA and DistilBERT.

They differ in the names of their weights, in how positions are counted and in their heads; the computation is the same
(Vaswani et al. 2017; Devlin et al. 2019).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from glossator.export.graphs.encoder_weights import ClassificationHead, Embeddings, EncoderWeights, Layer, Transform
from glossator.export.graphs.families.heads import dense_head, read_head
from glossator.export.graphs.families.torch_modules import read_activation, read_array, read_linear, read_norm
from glossator.service.bundle.task import Task


def read_bert(model: Any, task: Task) -> EncoderWeights | None:
    """Return the weights of BERT, ERNIE or RemBERT. The embeddings of RemBERT are narrower than its layers."""
    body = _body(model)
    projection = getattr(body.encoder, "embedding_hidden_mapping_in", None)

    def classifier() -> ClassificationHead:
        return ClassificationHead(Transform(read_linear(body.pooler.dense), "tanh"), read_linear(model.classifier))

    return _encoder(model, body, task, classifier, projection=projection)


def read_electra(model: Any, task: Task) -> EncoderWeights | None:
    """Return the weights of ELECTRA, whose embeddings may be narrower than its layers."""
    body = _body(model)
    projection = getattr(body, "embeddings_project", None)
    return _encoder(model, body, task, lambda: dense_head(model, "gelu"), projection=projection)


def read_roberta(model: Any, task: Task) -> EncoderWeights | None:
    """Return the weights of RoBERTa, XLM-R, CamemBERT or data2vec, whose positions count from the padding id."""
    body = _body(model)
    padding_id = body.embeddings.padding_idx
    return _encoder(model, body, task, lambda: dense_head(model, "tanh"), padding_id=padding_id)


def read_distilbert(model: Any, task: Task) -> EncoderWeights | None:
    """Return the weights of DistilBERT."""
    activation = read_activation(model.config, "activation")
    if activation is None:
        return None
    body = _body(model)

    def layer(each: Any) -> Layer:
        return Layer(
            query=read_linear(each.attention.q_lin),
            key=read_linear(each.attention.k_lin),
            value=read_linear(each.attention.v_lin),
            output=read_linear(each.attention.out_lin),
            attention_norm=read_norm(each.sa_layer_norm),
            up=read_linear(each.ffn.lin1),
            down=read_linear(each.ffn.lin2),
            feed_forward_norm=read_norm(each.output_layer_norm),
        )

    def classifier() -> ClassificationHead:
        return ClassificationHead(Transform(read_linear(model.pre_classifier), "relu"), read_linear(model.classifier))

    return EncoderWeights(
        embeddings=read_embeddings(body.embeddings),
        layers=tuple(layer(each) for each in body.transformer.layer),
        heads=model.config.n_heads,
        activation=activation,
        head=read_head(model, task, classifier),
    )


def read_embeddings(module: Any, *, padding_id: int | None = None, projection: Any = None) -> Embeddings:
    """Return the embeddings of words, of positions if there are some, and of token types.

    The types include the vector of the first task, if there are task types (ERNIE).
    """
    positions = getattr(module, "position_embeddings", None)
    token_types, task_types = (getattr(module, f"{kind}_type_embeddings", None) for kind in ("token", "task"))
    types = None if token_types is None else read_array(token_types.weight)
    if types is not None and task_types is not None:
        types = types + read_array(task_types.weight)[0]
    return Embeddings(
        words=read_array(module.word_embeddings.weight),
        positions=None if positions is None else read_array(positions.weight),
        norm=read_norm(module.LayerNorm),
        padding_id=padding_id,
        projection=None if projection is None else read_linear(projection),
        types=types,
    )


def _body(model: Any) -> Any:
    """Return the encoder of a model with a head, or the model itself."""
    return getattr(model, model.base_model_prefix, model)


def _encoder(
    model: Any,
    body: Any,
    task: Task,
    classifier: Callable[[], ClassificationHead],
    *,
    padding_id: int | None = None,
    projection: Any = None,
) -> EncoderWeights | None:
    """Return an encoder whose modules have the names of BERT."""
    config = model.config
    activation = read_activation(config, "hidden_act")
    if activation is None or (getattr(config, "position_embedding_type", None) or "absolute") != "absolute":
        return None
    return EncoderWeights(
        embeddings=read_embeddings(body.embeddings, padding_id=padding_id, projection=projection),
        layers=tuple(_layer(layer) for layer in body.encoder.layer),
        heads=config.num_attention_heads,
        activation=activation,
        head=read_head(model, task, classifier),
    )


def _layer(layer: Any) -> Layer:
    attention = layer.attention
    return Layer(
        query=read_linear(attention.self.query),
        key=read_linear(attention.self.key),
        value=read_linear(attention.self.value),
        output=read_linear(attention.output.dense),
        attention_norm=read_norm(attention.output.LayerNorm),
        up=read_linear(layer.intermediate.dense),
        down=read_linear(layer.output.dense),
        feed_forward_norm=read_norm(layer.output.LayerNorm),
    )

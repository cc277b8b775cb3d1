"""The families whose graph Glossator writes itself, by their `model_type`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from glossator.export.graphs.encoder_weights import EncoderWeights, PoolingHead, UnitLength
from glossator.export.graphs.families.albert import read_albert
from glossator.export.graphs.families.bert_like import read_bert, read_distilbert, read_electra, read_roberta
from glossator.export.graphs.families.deberta import read_deberta, read_deberta_v2
from glossator.export.graphs.families.heads import read_vector_steps
from glossator.export.graphs.families.modernbert import read_modernbert
from glossator.export.graphs.families.mpnet import read_mpnet
from glossator.export.graphs.families.rotary_bert import read_rotary_bert
from glossator.export.graphs.families.torch_modules import read_linear
from glossator.modeling.torch_session import takes_token_types
from glossator.service.bundle.task import Task, TextEmbedding

Reader = Callable[[Any, Task], EncoderWeights | None]
"""Returns the weights of a model; None if the graph lacks a part of its configuration."""

READERS: dict[str, Reader] = {
    "bert": read_bert,
    "ernie": read_bert,
    "rembert": read_bert,
    "electra": read_electra,
    "roberta": read_roberta,
    "xlm-roberta": read_roberta,
    "camembert": read_roberta,
    "data2vec-text": read_roberta,
    "distilbert": read_distilbert,
    "mpnet": read_mpnet,
    "deberta": read_deberta,
    "deberta-v2": read_deberta_v2,
    "albert": read_albert,
    "modernbert": read_modernbert,
    "nomic_bert": read_rotary_bert,
    "gte": read_rotary_bert,
    "jina_embeddings_v3": read_rotary_bert,
}


def read_encoder(model: Any, task: Task) -> EncoderWeights | None:
    """Return the weights of a model of transformers; None if its family or its configuration is not known here."""
    kind = model.config.model_type
    if kind in ("glossator-pooled", "glossator-text-vector"):
        inner = read_encoder(model.encoder, _headless_task(task, model.encoder.config.hidden_size))
        head = _pooled_head(model) if kind == "glossator-pooled" else _vector_head(model)
        return None if inner is None else replace(inner, head=head)
    reader = READERS.get(kind)
    if reader is None or getattr(model.config, "is_decoder", False):
        return None
    encoder = reader(model, task)
    if encoder is None or takes_token_types(model, task):
        return encoder
    return replace(encoder, embeddings=encoder.embeddings.without_types())


def _headless_task(task: Task, dimension: int) -> TextEmbedding:
    """Return the task of an encoder without a head."""
    return TextEmbedding(dimension=dimension, encoding=task.encoding, provenance=task.provenance)


def _pooled_head(model: Any) -> PoolingHead:
    """Return the head of a `PooledModel`."""
    pooling = model.config.pooling
    poolings = (pooling,) if isinstance(pooling, str) else tuple(pooling)
    steps = (UnitLength(),) if model.config.normalized else ()
    return PoolingHead(poolings, steps, output=read_linear(model.classifier))


def _vector_head(model: Any) -> PoolingHead:
    """Return the head of a `TextVectorModel` with an encoder."""
    config = model.config
    return PoolingHead(tuple(config.poolings), read_vector_steps(model), config.skipped, layers=tuple(config.layers))

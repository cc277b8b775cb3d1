"""Vectors of texts and of words by an encoder without training."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.checkpoint_reader import open_pipeline
from glossator.service.bundle.task import Encoding, Provenance, TextEmbedding, TokenClassification, iob2_tags
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.token_classification import stitch_tokens
from glossator.training.base_model import (
    BaseModel,
    encoding_of,
    open_model,
    open_tokenizer,
    resolve_base_model,
    save_tokenizer,
)
from glossator.training.config import TrainingConfig

CHUNK_TEXTS = 512


def embed_texts(
    texts: Sequence[str], config: TrainingConfig, *, progress: Callable[[int], None] = lambda _: None
) -> NDArray[np.float32]:
    """The vectors of texts by the encoder `config.base`, `(texts, dimension)`, of length 1.

    A vector is pooled as the folder of the encoder says, else it is the mean over the tokens; that of a long text is
    the mean over its windows. `progress` receives the number of finished texts.
    """
    base = resolve_base_model(config.base)
    tokenizer = open_tokenizer(base)
    task = TextEmbedding(
        pooling=base.pooling,
        dimension=base.dimension,
        encoding=encoding_of(base, config, tokenizer),
        provenance=_provenance(base, config),
    )
    vectors: list[NDArray[np.float32]] = []
    with tempfile.TemporaryDirectory() as folder:
        save_tokenizer(tokenizer, folder)
        encoder = open_pipeline(open_model(base, task).eval(), folder, task)
        for begin in range(0, len(texts), CHUNK_TEXTS):
            answers = encoder.predict(texts[begin : begin + CHUNK_TEXTS])
            vectors += [_vector(each) for each in answers]
            progress(len(vectors))
    return np.stack(vectors)


class WordVectors(NamedTuple):
    """The words of a text as the tokenizer splits it: offsets in code points, `(words, 2)`, and vectors,
    `(words, dimension)`."""

    offsets: NDArray[np.int64]
    vectors: NDArray[np.float32]


def embed_words(
    texts: Sequence[str], config: TrainingConfig, *, progress: Callable[[int], None] = lambda _: None
) -> list[WordVectors]:
    """The words of each text with their vectors of length 1: the last hidden state of the first token of each word."""
    import torch

    base = resolve_base_model(config.base)
    tokenizer = open_tokenizer(base)
    encoding: Encoding = encoding_of(base, config, tokenizer)
    # The vectors pass through the interface for entities in place of the logits: as many tags as the vector has values.
    names = [f"type {number}" for number in range((base.hidden_size - 1) // 2)]
    task = TokenClassification(labels=iob2_tags(names), encoding=encoding, provenance=_provenance(base, config))
    model = open_model(base, task).eval()
    model.classifier = torch.nn.Identity()
    found: list[WordVectors] = []
    with tempfile.TemporaryDirectory() as folder:
        save_tokenizer(tokenizer, folder)
        encoder = open_pipeline(model, folder, task)
        for begin in range(0, len(texts), CHUNK_TEXTS):
            encoded = encoder.encode_all(texts[begin : begin + CHUNK_TEXTS])
            for text, states in zip(encoded, encoder.pooled_outputs(encoded), strict=True):
                tokens = stitch_tokens(text)
                _, first = np.unique(tokens.words, return_index=True)
                last = np.append(first[1:], len(tokens.words)) - 1
                offsets = np.column_stack([tokens.offsets[first, 0], tokens.offsets[last, 1]])
                vectors = states[first] / np.maximum(np.linalg.norm(states[first], axis=1, keepdims=True), 1e-12)
                found.append(WordVectors(offsets, vectors.astype(np.float32)))
            progress(len(found))
    return found


def _provenance(base: BaseModel, config: TrainingConfig) -> Provenance:
    """The provenance of a model without training."""
    return Provenance(
        corpus_fingerprint="",
        corpus_rows=0,
        base_model=base.name,
        base_revision=base.revision,
        algorithm="none",
        config={},
        seed=config.seed,
        code_version="",
        packages={},
        created="",
    )


def _vector(answer: object) -> NDArray[np.float32]:
    if not isinstance(answer, Answer):
        raise answer if isinstance(answer, Exception) else TypeError(answer)
    return answer.vector

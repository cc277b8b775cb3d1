"""Vectors of texts from an encoder as it comes, with nothing trained."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.checkpoint import pipeline
from service.bundle.task import Provenance, TextEmbedding
from service.inference.pipeline import Answer
from training.base_model import encoding_of, open_model, open_tokenizer, resolve, save_tokenizer
from training.config import TrainingConfig

CHUNK = 512


def embed(
    texts: Sequence[str], config: TrainingConfig, *, progress: Callable[[int], None] = lambda _: None
) -> NDArray[np.float32]:
    """The vectors `(texts, dimension)`, of length 1, of the encoder that `config.base` names: the mean over tokens, and
    over the windows of a long text. `progress` hears how many are done."""
    base = resolve(config.base)
    tokenizer = open_tokenizer(base)
    task = TextEmbedding(
        dimension=base.hidden_size,
        encoding=encoding_of(base, config, tokenizer),
        provenance=Provenance(
            corpus_fingerprint="", corpus_rows=0, base_model=base.name, base_revision=base.revision, algorithm="none",
            config={}, seed=config.seed, code_version="", packages={}, created="",
        ),
    )  # fmt: skip
    vectors: list[NDArray[np.float32]] = []
    with tempfile.TemporaryDirectory() as folder:
        save_tokenizer(tokenizer, folder)
        encoder = pipeline(open_model(base, task).eval(), folder, task)
        for begin in range(0, len(texts), CHUNK):
            answers = encoder.predict(texts[begin : begin + CHUNK])
            vectors += [_vector(each) for each in answers]
            progress(len(vectors))
    return np.stack(vectors)


def _vector(answer: object) -> NDArray[np.float32]:
    if not isinstance(answer, Answer):
        raise answer if isinstance(answer, Exception) else TypeError(answer)
    return answer.vector

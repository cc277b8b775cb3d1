"""Reads models that are a table of token vectors: folders of model2vec, and `StaticEmbedding` of sentence-transformers.

model2vec leaves unknown tokens out of the mean, and truncates; sentence-transformers does neither.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glossator.export.importing.foreign_tokenizer import ForeignTokenizer, make_encoding
from glossator.export.importing.foreign_weights import load_tensors, tensor_names
from glossator.modeling.sentence_transformers_folder import SentenceFolder, Step, read_fields
from glossator.service.bundle import file_names
from glossator.service.errors import ConfigError

MODEL2VEC = "model2vec"
CLASSIFIER_HEAD = "pipeline.skops"
_MAX_LENGTH = 512
"""What model2vec truncates at if its configuration sets nothing."""
_LONGEST = 8_192
"""The window of models that are never truncated."""


@dataclass(frozen=True, slots=True)
class Model2Vec:
    """What the configuration of model2vec says. `max_length`: None if texts are never truncated."""

    normalized: bool
    max_length: int | None

    @property
    def modules(self) -> SentenceFolder:
        """The same as modules of sentence-transformers."""
        return SentenceFolder("", steps=[Step({"kind": "normalize"})] if self.normalized else [])


@dataclass(frozen=True, slots=True)
class StaticEmbeddings:
    """A table as a PyTorch model, and its tokenizer. `characters`: what is read of a text that is truncated."""

    model: Any
    tokenizer: ForeignTokenizer
    characters: int | None


def read_model2vec(folder: Path) -> Model2Vec | None:
    """Return what a folder of model2vec says; None if model2vec did not save the folder.

    Raises ConfigError for a classifier of model2vec, whose head is not a file of tensors.
    """
    weights, config = folder / file_names.WEIGHTS, folder / file_names.CONFIG
    if not weights.is_file() or not config.is_file():
        return None
    fields = read_fields(config)
    if fields.get("model_type", MODEL2VEC) != MODEL2VEC or "embeddings" not in tensor_names(weights):
        return None
    if (folder / CLASSIFIER_HEAD).is_file():
        raise ConfigError(
            "the head of this model2vec classifier is not a file of tensors, and may name code to run",
            found=folder / CLASSIFIER_HEAD,
            expected="a model2vec model without a head, which makes vectors",
            hint="Import the embedding model, or train with `glossator train --algorithm static`.",
        )
    length = fields.get("max_length", _MAX_LENGTH)
    if length is not None and (not isinstance(length, int) or isinstance(length, bool) or length < 4):
        raise ConfigError(f"max_length in {config} is not a number of tokens", found=length)
    return Model2Vec(normalized=fields.get("normalize") is True, max_length=length)


def open_static(
    folder: Path, model2vec: Model2Vec | None, *, max_length: int | None, stride: int | None
) -> StaticEmbeddings:
    """Return the table and the tokenizer of a model.

    Args:
        folder: The folder with the table and the tokenizer.
        model2vec: What model2vec says; None for `StaticEmbedding` of sentence-transformers.
        max_length: The longest window that the user wants, in tokens; None takes what truncates the model.
        stride: Tokens that neighbouring windows share; None is 0, because the mean needs no context.

    Raises ConfigError if tokenizer and table are missing, damaged, or do not fit together.
    """
    tokenizer = _tokenizer(folder)
    vocabulary = tokenizer.get_vocab()
    unknown = _unknown_id(tokenizer) if model2vec is not None else None
    model = _table(load_tensors(folder), tokens=max(vocabulary.values()) + 1, ignored=unknown, folder=folder)
    evidence = []
    if unknown is not None:
        evidence.append(f"unknown tokens ({tokenizer.id_to_token(unknown)}) are left out, as model2vec does")
    characters = None
    if model2vec is not None and model2vec.max_length is not None:
        median = int(statistics.median(map(len, vocabulary)))
        characters = model2vec.max_length * median
        length, why = model2vec.max_length, "max_length of model2vec"
    else:
        length, why = _LONGEST, "the model has no limit"
    if max_length is not None:
        length, why = max_length, "as requested"
    evidence.append(f"windows of {length:,} tokens: {why}")
    from transformers import PreTrainedTokenizerFast

    pad = tokenizer.padding["pad_id"] if tokenizer.padding else min(vocabulary.values())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    shown = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=length)
    encoding = make_encoding(length, stride or 0, int(pad))
    return StaticEmbeddings(model, ForeignTokenizer(shown, encoding, evidence), characters)


def _tokenizer(folder: Path) -> Any:
    """Return the tokenizer, without special tokens around a text: neither library adds them."""
    from tokenizers import Tokenizer

    file = folder / file_names.TOKENIZER
    fields = read_fields(file)
    fields["post_processor"] = None
    try:
        tokenizer = Tokenizer.from_str(json.dumps(fields))
        if not tokenizer.get_vocab_size():
            raise ValueError("it has no tokens")
    except Exception as error:  # tokenizers raises bare Exception
        raise ConfigError(f"{file} cannot be read", found=str(error), hint="Copy it again.") from None
    return tokenizer


def _unknown_id(tokenizer: Any) -> int | None:
    """Return the id of the unknown token; None if the tokenizer has none."""
    model = json.loads(tokenizer.to_str())["model"]
    if "unk_id" in model:  # Unigram
        return None if model["unk_id"] is None else int(model["unk_id"])
    token = model.get("unk_token")
    found = None if token is None else tokenizer.token_to_id(token)
    return None if found is None else int(found)


def _table(tensors: Mapping[str, Any], *, tokens: int, ignored: int | None, folder: Path) -> Any:
    import torch

    from glossator.modeling.architectures.static_table import StaticTableConfig, StaticTableModel

    vectors = tensors.get("embedding.weight", tensors.get("embeddings"))
    if vectors is None or vectors.dim() != 2 or not len(vectors):
        raise ConfigError(
            f"{folder / file_names.WEIGHTS} holds no table of token vectors",
            found=", ".join(sorted(tensors)) or "no tensor",
            expected="embeddings, or embedding.weight",
        )
    mapping, weights = tensors.get("mapping"), tensors.get("weights")
    known = len(vectors) if mapping is None else len(mapping)
    if tokens > known or (weights is not None and tokens > len(weights)):
        raise ConfigError(
            "the tokenizer belongs to another model",
            found=f"{tokens:,} tokens, but the table has {known:,}",
            hint="Copy the tokenizer that the model was made with into its folder.",
        )
    if mapping is not None and (int(mapping.min()) < 0 or int(mapping.max()) >= len(vectors)):
        raise ConfigError("the mapping of tokens names rows that the table does not have", found=int(mapping.max()))
    config = StaticTableConfig(
        vocab_size=known,
        rows=len(vectors),
        hidden_size=vectors.shape[1],
        mapped=mapping is not None,
        weighted=weights is not None,
        ignored=ignored,
    )
    model = StaticTableModel(config)
    state = {"table.weight": vectors.float()}
    if mapping is not None:
        state["row_of"] = mapping.to(torch.int64)
    if weights is not None:
        state["weights"] = weights.float()
    model.load_state_dict(state)
    return model.eval()

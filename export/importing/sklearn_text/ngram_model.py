"""Makes a model and a tokenizer of a vectorizer and a linear form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import TemplateProcessing

from glossator.export.importing.sklearn_text.linear_form import LinearForm
from glossator.export.importing.sklearn_text.text_normalizer import make_normalizer
from glossator.export.importing.sklearn_text.vectorizer import Vectorizer
from glossator.service.bundle import file_names

PAD, UNKNOWN = 0, 1
_ANY_CHARACTER = r"(?m:.)"  # in Oniguruma, `m` lets the dot match line ends


@dataclass(frozen=True, slots=True)
class NgramNodes:
    """Tokens and n-grams as numbers.

    `ids`: the id of each token. `pairs` `(n, 2)` and `nodes` `(n,)`: the n-gram that a shorter one and a token make.
    `node_of` `(columns,)`: the node of each feature; PAD if no text has it. `dropped_from`: ids of stop words; 0 if
    none.
    """

    ids: dict[str, int]
    pairs: NDArray[np.int64]
    nodes: NDArray[np.int64]
    node_of: NDArray[np.int64]
    dropped_from: int


def number_ngrams(vectorizer: Vectorizer) -> NgramNodes:
    """Give each token and each n-gram of a vectorizer a number; those of tokens come first."""
    split = [vectorizer.tokens(feature) for feature in vectorizer.features]
    words = sorted({token for tokens in split if tokens is not None for token in tokens})
    if vectorizer.analyzer == "char_wb":
        words = sorted({*words, " "})
    dropped = sorted(vectorizer.stop_words.difference(words)) if vectorizer.sizes[1] > 1 else []
    ids = {word: number for number, word in enumerate([*_special_names(words, dropped), *words, *dropped])}
    numbers: dict[tuple[int, int], int] = {}
    node_of = np.full(len(split), PAD, dtype=np.int64)
    for column, tokens in enumerate(split):
        if tokens is None:
            continue
        node = ids[tokens[0]]
        for token in tokens[1:]:
            node = numbers.setdefault((node, ids[token]), len(ids) + len(numbers))
        node_of[column] = node
    return NgramNodes(
        ids,
        np.array(list(numbers), dtype=np.int64).reshape(-1, 2),
        np.array(list(numbers.values()), dtype=np.int64),
        node_of,
        dropped_from=len(ids) - len(dropped) if dropped else 0,
    )


def build_model(vectorizer: Vectorizer, form: LinearForm, nodes: NgramNodes, *, scale: float = 1.0) -> Any:
    """Return the PyTorch model. `form.weights` has a column per feature; logits are multiplied by `scale`."""
    import torch

    from glossator.modeling.architectures.ngram_linear import NgramLinearConfig, NgramLinearModel
    from glossator.modeling.architectures.pair_table import build_pair_table

    table = build_pair_table(nodes.pairs, nodes.nodes)
    count = len(nodes.ids) + len(nodes.nodes)
    config = NgramLinearConfig(
        vocab_size=len(nodes.ids),
        nodes=count,
        longest=vectorizer.sizes[1],
        slots=table.slots,
        probes=table.probes,
        dropped_from=nodes.dropped_from,
        counting=vectorizer.counting,
        norm=vectorizer.norm,
        link=form.link,
        pad_token_id=PAD,
        num_labels=len(form.classes),
    )
    model = NgramLinearModel(config)
    used = nodes.node_of != PAD
    weights = np.zeros((count, len(form.classes)))
    weights[nodes.node_of[used]] = scale * form.weights.T[used]
    idf = np.zeros(count)
    idf[nodes.node_of[used]] = vectorizer.idf[used]
    with torch.no_grad():
        model.weights.weight.copy_(torch.from_numpy(weights))
        model.bias.copy_(torch.from_numpy(scale * form.bias))
    model.idf.copy_(torch.from_numpy(idf))
    model.table = table
    return model.eval()


def write_tokenizer(vectorizer: Vectorizer, nodes: NgramNodes, folder: Path, *, max_length: int) -> None:
    """Write `tokenizer.json` and its configuration into a new folder."""
    pad, unknown = list(nodes.ids)[:2]
    tokenizer = Tokenizer(WordLevel(nodes.ids, unk_token=unknown))
    normalizer = make_normalizer(vectorizer, nodes.ids)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    pattern = vectorizer.token_pattern
    tokenizer.pre_tokenizer = Split(
        Regex(_ANY_CHARACTER if pattern is None else pattern.regex), behavior="removed", invert=True
    )
    if vectorizer.analyzer == "char_wb":
        space = nodes.ids[" "]
        tokenizer.post_processor = TemplateProcessing(single="| $A |", special_tokens=[("|", space)])
    folder.mkdir()
    tokenizer.save(str(folder / file_names.TOKENIZER))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_length,
        "pad_token": pad,
        "unk_token": unknown,
    }
    (folder / file_names.TOKENIZER_CONFIG).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _special_names(*tokens: list[str]) -> list[str]:
    """Return names for padding and for unknown tokens that no token has."""
    taken = {token for each in tokens for token in each}
    names = ["<pad>", "<unk>"]
    while taken.intersection(names):
        names = [f"<{name}>" for name in names]
    return names

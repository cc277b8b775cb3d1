"""Vectors of texts and words by an untrained encoder, compared with transformers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from glossator.training.config import TrainingConfig
from glossator.training.text_vectors import embed_texts, embed_words

TEXTS = ["where is my parcel", "refund, please!", "login"]


def states(folder: Path, text: str) -> tuple[np.ndarray, list[tuple[int, int]], list[int | None]]:
    """The last hidden state, the offset and the word of each token of a text."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    encoded = tokenizer(text, return_tensors="pt", return_offsets_mapping=True)
    offsets = [tuple(each) for each in encoded.pop("offset_mapping")[0].tolist()]
    with torch.inference_mode():
        found = model(**encoded).last_hidden_state[0].numpy()
    return found, offsets, encoded.word_ids()


def test_texts_are_the_mean_over_their_tokens(tiny_base: Callable[[str], Path]) -> None:
    folder = tiny_base("bert")
    ours = embed_texts(TEXTS, TrainingConfig(base=str(folder)))
    for text, vector in zip(TEXTS, ours, strict=True):
        mean = states(folder, text)[0].mean(axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_words_have_the_vector_of_their_first_token(tiny_base: Callable[[str], Path]) -> None:
    folder = tiny_base("bert")
    for text, words in zip(TEXTS, embed_words(TEXTS, TrainingConfig(base=str(folder))), strict=True):
        found, offsets, word_ids = states(folder, text)
        tokens = {
            word: [index for index, each in enumerate(word_ids) if each == word]
            for word in word_ids
            if word is not None
        }
        assert words.offsets.tolist() == [[offsets[at[0]][0], offsets[at[-1]][1]] for at in tokens.values()]
        first = found[[at[0] for at in tokens.values()]]
        expected = first / np.linalg.norm(first, axis=1, keepdims=True)
        np.testing.assert_allclose(words.vectors, expected, atol=1e-5)

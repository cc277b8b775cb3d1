"""TF-IDF of tokens in which tokens with common character n-grams share weights.

The features of a text are its TF-IDF vector over tokens, or over tokens and pairs, and the part of tokens again with
each token replaced by the character n-grams inside it. For a linear model this is one weight per token: its own plus
those of its n-grams. A graph from token ids could therefore serve it with the table that it has now, with a row for
every token of the vocabulary instead of a row for every token of the training texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

LENGTHS = range(2, 6)


class TokenNgrams:
    """Features of texts, fitted to the training texts."""

    def __init__(self, tokenizer: Any, texts: Sequence[str], *, pairs: bool) -> None:
        """`pairs`: pairs of neighbouring tokens are features too; they have no n-grams."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        options: dict[str, Any] = {
            "sublinear_tf": True,
            "lowercase": False,
            "token_pattern": None,
            "tokenizer": tokenizer.tokenize,
            "ngram_range": (1, 2 if pairs else 1),
        }
        tokens = list(tokenizer.get_vocab())
        occurring = TfidfVectorizer(**options).fit(texts).get_feature_names_out()
        found = list(dict.fromkeys([*tokens, *occurring]))
        self._vectorizer = TfidfVectorizer(**options, vocabulary=found).fit(texts)
        self._columns = np.arange(len(tokens))
        self._ngrams = TfidfVectorizer(analyzer=ngrams_of).fit_transform(tokens)  # (tokens, n-grams)

    def transform(self, texts: Sequence[str], weight: float) -> Any:
        """The sparse features of texts. `weight`: how much n-grams count compared with tokens."""
        from scipy.sparse import hstack

        own = self._vectorizer.transform(texts)
        return hstack([own, weight * (own[:, self._columns] @ self._ngrams)], format="csr")


def ngrams_of(token: str) -> list[str]:
    """The character n-grams inside a token; a space marks the begin of a word.

    >>> ngrams_of("##ed")
    ['ed']
    >>> ngrams_of("at")
    [' a', 'at', ' at']
    """
    text = token.removeprefix("##") if token.startswith("##") else f" {token}"
    return [text[begin : begin + size] for size in LENGTHS for begin in range(len(text) - size + 1)]

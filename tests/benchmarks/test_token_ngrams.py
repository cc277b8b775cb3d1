"""`benchmarks/common/token_ngrams.py`: a linear model on these features is one with one weight per token."""

from __future__ import annotations

import numpy as np

from benchmarks.common.token_ngrams import TokenNgrams, ngrams_of


class Words:
    """A tokenizer with a small vocabulary."""

    def tokenize(self, text: str) -> list[str]:
        return text.split()

    def get_vocab(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(["pay", "paid", "##ing", "card", "lost"])}


def test_a_token_that_no_training_text_has_shares_the_ngrams_of_others() -> None:
    features = TokenNgrams(Words(), ["pay card", "lost card"], pairs=False)
    seen, unseen = (features.transform([text], 0.5).toarray()[0] for text in ("pay", "paid"))
    tokens = len(Words().get_vocab())
    assert seen[:tokens] @ unseen[:tokens] == 0.0
    assert seen[tokens:] @ unseen[tokens:] > 0.0  # " p", "pa", " pa"


def test_the_weights_of_ngrams_can_be_added_to_those_of_tokens() -> None:
    tokenizer = Words()
    features = TokenNgrams(tokenizer, ["pay card", "lost card"], pairs=False)
    texts, tokens = ["pay card", "paid ##ing", "lost"], list(tokenizer.get_vocab())
    vectors = features.transform(texts, 0.5).toarray()
    weights = np.random.default_rng(0).normal(size=vectors.shape[1])
    alone = features.transform(tokens, 0.5).toarray()  # (tokens, features): each token with a length of 1
    per_token = alone @ weights
    assert np.allclose(vectors[:, : len(tokens)] @ per_token, vectors @ weights)


def test_ngrams_say_where_a_word_begins() -> None:
    assert ngrams_of("at") == [" a", "at", " at"]
    assert ngrams_of("##at") == ["at"]

"""What is read of a vectorizer, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.pipeline import FeatureUnion

from glossator.export.importing.sklearn_text.vectorizer import read_vectorizer
from glossator.service.errors import ConfigError

TEXTS = ["one two three", "two three four", "the red red car"]


def test_features_are_in_the_order_of_the_columns() -> None:
    step = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, norm="l1").fit(TEXTS)
    found = read_vectorizer(step)
    assert found.features == list(step.get_feature_names_out())
    assert found.idf.tolist() == step.idf_.tolist()
    assert (found.counting, found.norm, found.sizes) == ("sublinear", "l1", (1, 2))


def test_counts_have_weight_one_and_no_norm() -> None:
    found = read_vectorizer(CountVectorizer(binary=True).fit(TEXTS))
    assert np.unique(found.idf).tolist() == [1.0]
    assert (found.counting, found.norm) == ("binary", "none")


class LoudVectorizer(TfidfVectorizer):
    """A vectorizer of a user, which may do anything."""

    def build_analyzer(self) -> Any:
        return str.upper


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (TfidfVectorizer(tokenizer=str.split, token_pattern=None), "tokenizer"),
        (TfidfVectorizer(preprocessor=str.upper), "preprocessor"),
        (TfidfVectorizer(analyzer=str.split), "analyzer"),
        (TfidfVectorizer(strip_accents=str.upper), "strip_accents"),
        (TfidfVectorizer(input="filename"), "filename"),
        (TfidfVectorizer(), "not fitted"),
        (HashingVectorizer(), "only their hashes"),
        (FeatureUnion([("words", TfidfVectorizer())]), "one tokenizer"),
        (LoudVectorizer(), "LoudVectorizer"),
        (TfidfVectorizer(token_pattern=r"[^,]+", ngram_range=(1, 2)).fit(["a b, c"]), "may contain spaces"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(step: Any, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        read_vectorizer(step)


@pytest.mark.parametrize(
    ("settings", "feature", "tokens"),
    [
        ({"ngram_range": (1, 2)}, "red car", ["red", "car"]),
        ({"ngram_range": (1, 2)}, "the red car", None),
        ({"ngram_range": (2, 2)}, "red", None),
        ({"ngram_range": (1, 2), "stop_words": ["the"]}, "the red", None),
        ({"token_pattern": "[^,]+"}, "red car", ["red car"]),
        ({"analyzer": "char", "ngram_range": (2, 3)}, "r c", ["r", " ", "c"]),
        ({"analyzer": "char_wb", "ngram_range": (4, 5)}, " a ", [" ", "a", " "]),
        ({"analyzer": "char_wb", "ngram_range": (4, 5)}, "abc", None),
        ({"analyzer": "char_wb", "ngram_range": (2, 5)}, "a  b", None),
    ],
)
def test_features_that_no_text_can_have_have_no_tokens(
    settings: dict[str, Any], feature: str, tokens: list[str] | None
) -> None:
    step = CountVectorizer(vocabulary=[feature], **settings)
    step.fit(TEXTS)
    assert read_vectorizer(step).tokens(feature) == tokens

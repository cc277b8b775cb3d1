"""Reads a fitted text vectorizer of scikit-learn from its public attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glossator.export.importing.sklearn_text.token_pattern import TokenPattern, translate_pattern
from glossator.modeling.architectures.ngram_linear import Counting, Norm
from glossator.service.errors import ConfigError

Floats = NDArray[np.float64]
Analyzer = Literal["word", "char", "char_wb"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectorizer:
    """How a text becomes a vector. `features` `(columns,)` are n-grams, `idf` `(columns,)` their weights."""

    analyzer: Analyzer
    lowercase: bool
    strip_accents: Literal["ascii", "unicode"] | None
    token_pattern: TokenPattern | None
    """Of words; None for characters."""
    stop_words: frozenset[str]
    sizes: tuple[int, int]
    """The fewest and the most tokens of an n-gram."""
    features: list[str]
    idf: Floats
    counting: Counting
    norm: Norm

    @property
    def summary(self) -> str:
        """Describe the vectorizer in one line."""
        low, high = self.sizes
        unit = "words" if self.analyzer == "word" else "characters"
        sizes = f"{high}" if low == high else f"{low} to {high}"
        frequency = "" if self.counting == "count" else f", {self.counting} frequencies"
        return f"{len(self.features):,} n-grams of {sizes} {unit}{frequency}, norm {self.norm}"

    def tokens(self, feature: str) -> list[str] | None:
        """Return the tokens of an n-gram; None if no text has it, as may be in a vocabulary that was given."""
        low, high = self.sizes
        if self.analyzer == "word":
            tokens = feature.split(" ") if high > 1 else [feature]
            possible = low <= len(tokens) <= high and all(tokens) and self.stop_words.isdisjoint(tokens)
            return tokens if possible else None
        fits = low <= len(feature) <= high
        if self.analyzer == "char_wb":
            whole = feature[:1] == feature[-1:] == " " and " " not in feature[1:-1] and 3 <= len(feature) <= high
            fits = (fits or whole) and "  " not in feature  # a word shorter than `low` is an n-gram as a whole
        return list(feature) if fits else None


def is_of_sklearn(step: Any, *names: str) -> bool:
    """Whether a step is of a class of scikit-learn with one of these names, not of a class derived from it."""
    return type(step).__module__.startswith("sklearn.") and type(step).__name__ in names


def read_vectorizer(step: Any) -> Vectorizer:
    """Return a TfidfVectorizer or a CountVectorizer. Raises ConfigError if texts cannot be read as it reads them."""
    if not is_of_sklearn(step, "TfidfVectorizer", "CountVectorizer"):
        raise ConfigError(
            "this pipeline does not begin with a vectorizer that can be imported",
            found=type(step).__name__,
            expected="TfidfVectorizer or CountVectorizer",
            hint=_VECTORIZER_HINTS.get(type(step).__name__),
        )
    for name in ("preprocessor", "tokenizer"):
        if getattr(step, name) is not None:
            raise _code_of_the_user(name)
    if callable(step.analyzer):
        raise _code_of_the_user("analyzer")
    if callable(step.strip_accents):
        raise _code_of_the_user("strip_accents")
    if step.input != "content":
        raise ConfigError("the vectorizer reads files, not texts", found=f"input {step.input}", expected="content")
    if not hasattr(step, "vocabulary_"):
        raise ConfigError("the pipeline is not fitted", found=f"{type(step).__name__} without a vocabulary")
    low, high = step.ngram_range
    pattern = translate_pattern(step.token_pattern) if step.analyzer == "word" else None
    if pattern is not None and pattern.spaces and high > 1:
        raise ConfigError(
            "n-grams of words that may contain spaces cannot be imported",
            found=f"token_pattern {step.token_pattern} with ngram_range ({low}, {high})",
            hint="Fit with ngram_range (1, 1), or with a token_pattern that matches no space.",
        )
    features = sorted(step.vocabulary_, key=lambda feature: int(step.vocabulary_[feature]))
    found = Vectorizer(
        analyzer=step.analyzer,
        lowercase=bool(step.lowercase),
        strip_accents=step.strip_accents,
        token_pattern=pattern,
        stop_words=frozenset(step.get_stop_words() or ()) if step.analyzer == "word" else frozenset(),
        sizes=(int(low), int(high)),
        features=features,
        idf=np.ones(len(features)),
        counting="binary" if step.binary else "count",
        norm="none",
    )
    return with_tfidf(found, step) if type(step).__name__ == "TfidfVectorizer" else found


def with_tfidf(vectorizer: Vectorizer, step: Any, columns: Sequence[int] | None = None) -> Vectorizer:
    """Return the vectorizer with the weights and the norm of a TfidfVectorizer or a TfidfTransformer.

    `columns`: the columns that the step receives, if earlier steps removed some.
    """
    received = range(len(vectorizer.features)) if columns is None else columns
    idf = np.zeros(len(vectorizer.features))
    idf[list(received)] = np.asarray(step.idf_, dtype=np.float64) if step.use_idf else 1.0
    counting = vectorizer.counting
    if step.sublinear_tf and counting == "count":  # the logarithm of 1 is 0
        counting = "sublinear"
    return replace(vectorizer, idf=idf, counting=counting, norm=step.norm or "none")


_VECTORIZER_HINTS = {
    "HashingVectorizer": "It keeps no n-grams, only their hashes. Fit a TfidfVectorizer.",
    "FeatureUnion": "A bundle has one tokenizer. Fit a pipeline with one vectorizer, of words or of characters.",
    "ColumnTransformer": "Fit a pipeline that takes texts, not tables.",
}


def _code_of_the_user(name: str) -> ConfigError:
    return ConfigError(
        "the vectorizer calls a function of yours, which a bundle cannot contain",
        found=name,
        expected="the settings of scikit-learn: lowercase, strip_accents, token_pattern, ngram_range, stop_words",
        hint="Fit the vectorizer without it, or apply the function to your texts before you send them.",
    )

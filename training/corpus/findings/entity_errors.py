"""Finds words whose entity type is worth checking, or that may be wrongly in or outside an entity.

The method is that of `label_errors.py`, applied to words: logistic regression on the word vectors of the frozen encoder
judges each word, and no classifier has seen the text of the words that it judges. The class of a word is the type of
its entity, or `O`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import OUTSIDE
from glossator.service.errors import CorpusError, shorten
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import EXAMPLES, Finding
from glossator.training.corpus.findings.label_errors import FOLDS, STRENGTH
from glossator.training.text_vectors import WordVectors

MAX_OUTSIDE_RATIO = 4
"""A classifier is trained on at most this many words outside entities per word inside; weights restore the balance."""


@dataclass(frozen=True, slots=True)
class SuspectWord:
    """A word whose `label` (an entity type, or `O`) is worth checking. It is `text[start:end]`, in code points."""

    line: int
    text: str
    start: int
    end: int
    label: str
    probability: float
    suggestion: str
    suggestion_probability: float

    @property
    def word(self) -> str:
        """The word itself."""
        return self.text[self.start : self.end]

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return asdict(self)


def find_entity_errors(
    corpus: Corpus, word_vectors: Sequence[WordVectors], *, folds: int = FOLDS, seed: int = 13
) -> list[SuspectWord]:
    """The words whose label is worth checking, the least probable label first. `word_vectors` has those of each row.

    Raises CorpusError if the corpus has no entities, or fewer rows than `folds`.
    """
    from cleanlab.count import num_label_issues
    from cleanlab.rank import get_label_quality_scores

    if corpus.spans is None or not corpus.label_names or len(corpus) < folds:
        raise CorpusError(
            "there are too few rows with entities to find errors in them",
            found=f"{len(corpus)} rows, {len(corpus.label_names)} types",
        )
    names = [OUTSIDE, *corpus.label_names]
    labels = np.concatenate(
        [_word_labels(each, spans, names) for each, spans in zip(word_vectors, corpus.spans, strict=True)]
    )
    row_of = np.repeat(np.arange(len(word_vectors)), [len(each.offsets) for each in word_vectors])  # (words,)
    vectors = np.concatenate([each.vectors for each in word_vectors])  # (words, dimension)
    offsets = np.concatenate([each.offsets for each in word_vectors])  # (words, 2)
    probability = _out_of_fold(vectors, labels, row_of, len(names), folds, seed)
    count = num_label_issues(labels, probability)
    order = np.argsort(get_label_quality_scores(labels, probability, method="self_confidence"), kind="stable")
    disagrees = probability.argmax(axis=1) != labels
    found = []
    for word in order[disagrees[order]][:count].tolist():
        best = int(probability[word].argmax())
        start, end = offsets[word].tolist()
        found.append(
            SuspectWord(
                line=corpus.lines[row_of[word]],
                text=corpus.texts[row_of[word]],
                start=start,
                end=end,
                label=names[labels[word]],
                probability=float(probability[word, labels[word]]),
                suggestion=names[best],
                suggestion_probability=float(probability[word, best]),
            )
        )
    return found


def entity_error_finding(corpus: Corpus, suspects: Sequence[SuspectWord]) -> Finding:
    """The suspect words as one finding of the report; it counts the rows that they are in."""
    examples = tuple(
        f"line {each.line}: '{shorten(each.word, 40)}' is {each.label} ({each.probability:.2f}), more probable: "
        f"{each.suggestion} ({each.suggestion_probability:.2f}): '{shorten(each.text, 80)}'"
        for each in suspects[:EXAMPLES]
    )
    lines = tuple(sorted({each.line for each in suspects}))
    done = f"{len(suspects):,} words, kept. Hint: let people check these rows; --review writes them for Label Studio "
    done += "or Prodigy"
    return Finding("labels-worth-checking", len(lines), len(lines) / max(1, len(corpus)), examples, done, lines)


def _word_labels(words: WordVectors, spans: Sequence[Any], names: Sequence[str]) -> NDArray[np.int64]:
    """The label of each word as its index in `names`: the type of the entity that it overlaps, else 0."""
    labels = np.zeros(len(words.offsets), dtype=np.int64)
    for span in spans:
        labels[(words.offsets[:, 1] > span.start) & (words.offsets[:, 0] < span.end)] = names.index(span.label)
    return labels


def _out_of_fold(
    vectors: NDArray[np.float32],
    labels: NDArray[np.int64],
    row_of: NDArray[np.int64],
    classes: int,
    folds: int,
    seed: int,
) -> NDArray[np.float64]:
    """Probabilities `(words, classes)`, each by a classifier that has seen no word of the same row."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(seed)
    fold_of = generator.permutation(int(row_of.max()) + 1)[row_of] % folds
    probability = np.zeros((len(labels), classes))
    for fold in range(folds):
        inside = np.flatnonzero((fold_of != fold) & (labels > 0))
        outside = np.flatnonzero((fold_of != fold) & (labels == 0))
        sampled = generator.permutation(outside)[: MAX_OUTSIDE_RATIO * max(1, len(inside))]
        train = np.concatenate([inside, sampled])
        weights = np.where(labels[train] == 0, len(outside) / max(1, len(sampled)), 1.0)
        model = LogisticRegression(C=STRENGTH, max_iter=50)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a ranking needs no full convergence
            model.fit(vectors[train], labels[train], sample_weight=weights)
        test = np.flatnonzero(fold_of == fold)
        probability[np.ix_(test, model.classes_)] = model.predict_proba(vectors[test])
    return probability

"""Words whose place in or outside an entity is likely wrong, by confident learning on words, ranked.

As `suspects.py` does for labels: each word is judged by a classifier that has not seen its text, logistic regression on
the vectors of the frozen encoder. A word is of the type of the entity it is part of, or outside.
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
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.findings.label_errors import EXAMPLES, FOLDS, STRENGTH
from glossator.training.text_vectors import Words

MOST_OUTSIDE = 4
"""Words outside are learnt from up to so many times those inside; their weight makes up for the rest."""


@dataclass(frozen=True, slots=True)
class SuspectWord:
    """A word of a text, `start` to `end` in code points, that is likely no `label`, or not outside, as it is given."""

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
        return self.text[self.start : self.end]

    def to_dict(self) -> dict[str, Any]:
        """The suspect as plain fields."""
        return asdict(self)


def find_entity_errors(
    corpus: Corpus, words: Sequence[Words], *, folds: int = FOLDS, seed: int = 13
) -> list[SuspectWord]:
    """The suspect words, the likeliest to be wrong first; `words` has those of each row, with their vectors.

    Raises CorpusError where the corpus has no entities, or fewer rows than folds.
    """
    from cleanlab.count import num_label_issues
    from cleanlab.rank import get_label_quality_scores

    if corpus.spans is None or not corpus.label_names or len(corpus) < folds:
        raise CorpusError(
            "there are too few rows with entities to look for wrong ones",
            found=f"{len(corpus)} rows, {len(corpus.label_names)} types",
        )
    names = [OUTSIDE, *corpus.label_names]
    given = np.concatenate([_types(each, spans, names) for each, spans in zip(words, corpus.spans, strict=True)])
    row = np.repeat(np.arange(len(words)), [len(each.offsets) for each in words])
    vectors = np.concatenate([each.vectors for each in words])
    offsets = np.concatenate([each.offsets for each in words])
    probability = _out_of_fold(vectors, given, row, len(names), folds, seed)
    count = num_label_issues(given, probability)
    order = np.argsort(get_label_quality_scores(given, probability, method="self_confidence"), kind="stable")
    likelier = probability.argmax(axis=1) != given
    found = []
    for place in order[likelier[order]][:count].tolist():
        best = int(probability[place].argmax())
        start, end = offsets[place].tolist()
        found.append(
            SuspectWord(
                line=corpus.lines[row[place]],
                text=corpus.texts[row[place]],
                start=start,
                end=end,
                label=names[given[place]],
                probability=float(probability[place, given[place]]),
                suggestion=names[best],
                suggestion_probability=float(probability[place, best]),
            )
        )
    return found


def entity_error_finding(corpus: Corpus, suspects: Sequence[SuspectWord]) -> Finding:
    """The suspects as one finding of the report; its lines are those of the rows they stand in."""
    shown = tuple(
        f"line {each.line}: {shorten(each.word, 40)!r} is {each.label} ({each.probability:.2f}), more like "
        f"{each.suggestion} ({each.suggestion_probability:.2f}): {shorten(each.text, 80)!r}"
        for each in suspects[:EXAMPLES]
    )
    lines = tuple(sorted({each.line for each in suspects}))
    done = f"{len(suspects):,} words, kept; have these rows reviewed (--review)"
    return Finding("likely-wrong-labels", len(lines), len(lines) / max(1, len(corpus)), shown, done, lines)


def _types(words: Words, spans: Sequence[Any], names: Sequence[str]) -> NDArray[np.int64]:
    """The type of each word, as its place in `names`: that of the entity it overlaps, else the first."""
    types = np.zeros(len(words.offsets), dtype=np.int64)
    for span in spans:
        types[(words.offsets[:, 1] > span.start) & (words.offsets[:, 0] < span.end)] = names.index(span.label)
    return types


def _out_of_fold(
    vectors: NDArray[np.float32], given: NDArray[np.int64], row: NDArray[np.int64], types: int, folds: int, seed: int
) -> NDArray[np.float64]:
    """Probabilities `(words, types)`, each by a classifier that saw no word of the same text."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    chance = np.random.default_rng(seed)
    fold = chance.permutation(int(row.max()) + 1)[row] % folds
    probability = np.zeros((len(given), types))
    for held in range(folds):
        inside = np.flatnonzero((fold != held) & (given > 0))
        outside = np.flatnonzero((fold != held) & (given == 0))
        some = chance.permutation(outside)[: MOST_OUTSIDE * max(1, len(inside))]
        learnt = np.concatenate([inside, some])
        weights = np.where(given[learnt] == 0, len(outside) / max(1, len(some)), 1.0)
        model = LogisticRegression(C=STRENGTH, max_iter=50)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # nearly there is good enough for a ranking
            model.fit(vectors[learnt], given[learnt], sample_weight=weights)
        asked = np.flatnonzero(fold == held)
        probability[np.ix_(asked, model.classes_)] = model.predict_proba(vectors[asked])
    return probability

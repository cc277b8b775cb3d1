"""Finds rows whose label is worth checking, by confident learning (Northcutt, Jiang and Chuang 2021).

Logistic regression on the vectors of the frozen encoder judges every row out of fold, so no classifier has seen the
rows that it judges. For each pair of labels, the estimated joint distribution of given and true labels says how many
rows have the wrong one of them, and that many rows are selected (cleanlab's `prune_by_noise_rate`). The row with the
least probable label comes first. Of the rankings in `benchmarks/corpora/label_audits.py`, this one is never far from
the best: rows that are merely hard for the classifier do not fill the top of the list.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.service.errors import CorpusError, shorten
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import EXAMPLES, Finding

FOLDS = 5
STRENGTH = 10.0
"""C of the logistic regression, the inverse of its regularisation; the vectors have length 1."""


AUDITED_PRECISION = (0.23, 0.71)
"""The share of doubtful labels among the first 100 selected rows of two corpora that people judged
(`benchmarks/results/label_audits/amx-intel-xeon.md`): an estimate for other corpora, and a wide one."""


@dataclass(frozen=True, slots=True)
class SuspectLabel:
    """A row whose `label` is worth checking, the most probable label, and the probability of each."""

    line: int
    text: str
    label: str
    probability: float
    suggestion: str
    suggestion_probability: float

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return asdict(self)


def find_label_errors(
    corpus: Corpus, vectors: NDArray[np.float32], *, folds: int = FOLDS, seed: int = 13
) -> list[SuspectLabel]:
    """The rows whose label is worth checking, the least probable label first. `vectors` is `(rows, dimension)`.

    Classes with fewer rows than `folds` are left out: some classifiers would not know them. Raises CorpusError if rows
    have several labels, or if fewer than two classes are left.
    """
    if corpus.task != "text-classification" or corpus.problem_type != "single_label_classification":
        raise CorpusError(
            "label errors can be found only if each text has one label",
            found=f"{corpus.task}, {corpus.problem_type}",
            hint="Omit --label-errors.",
        )
    counts = Counter(names[0] for names in corpus.labels)
    names = sorted(name for name, count in counts.items() if count >= folds)
    if len(names) < 2:
        raise CorpusError(
            "there are too few rows to find label errors",
            found=f"{len(names)} labels with {folds} rows or more",
            expected="two or more",
        )
    known = [index for index, (name,) in enumerate(corpus.labels) if counts[name] >= folds]
    number_of = {name: number for number, name in enumerate(names)}
    labels = np.array([number_of[corpus.labels[index][0]] for index in known])  # (known rows,)
    probability = out_of_fold(vectors[known], labels, folds=folds, seed=seed)
    found = []
    for row in rank_labels(labels, probability).tolist():
        best = int(probability[row].argmax())
        found.append(
            SuspectLabel(
                line=corpus.lines[known[row]],
                text=corpus.texts[known[row]],
                label=names[labels[row]],
                probability=float(probability[row, labels[row]]),
                suggestion=names[best],
                suggestion_probability=float(probability[row, best]),
            )
        )
    return found


def rank_labels(labels: NDArray[np.int64], probability: NDArray[np.float64]) -> NDArray[np.int64]:
    """The rows whose label is worth checking, the least probable label first.

    `labels` is `(rows,)`, `probability` is `(rows, classes)`, out of fold.
    """
    from cleanlab.filter import find_label_issues

    selected = np.asarray(find_label_issues(labels, probability, filter_by="prune_by_noise_rate", n_jobs=1))
    rows = np.flatnonzero(selected & (probability.argmax(axis=1) != labels))
    return rows[np.argsort(probability[rows, labels[rows]], kind="stable")]


def out_of_fold(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], *, folds: int = FOLDS, seed: int = 13
) -> NDArray[np.float64]:
    """Probabilities `(rows, classes)` by logistic regressions that have not seen the rows they judge."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a ranking needs no full convergence
        return np.asarray(
            cross_val_predict(
                LogisticRegression(C=STRENGTH, max_iter=100),
                vectors,
                labels,
                cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
                method="predict_proba",
            )
        )


def label_error_finding(corpus: Corpus, suspects: Sequence[SuspectLabel]) -> Finding:
    """The suspect labels as one finding of the report."""
    examples = tuple(
        f"line {each.line}: '{shorten(each.label, 60)}' ({each.probability:.2f}), more probable: "
        f"'{shorten(each.suggestion, 60)}' ({each.suggestion_probability:.2f}): {shorten(each.text)}"
        for each in suspects[:EXAMPLES]
    )
    share = len(suspects) / max(1, len(corpus))
    low, high = AUDITED_PRECISION
    done = (
        f"kept. Estimated precision of the first 100: {low:.0%} to {high:.0%}, as measured on other corpora. "
        "Hint: let people check them, from the top; --review writes them for Label Studio or Prodigy"
    )
    return Finding("labels-worth-checking", len(suspects), share, examples, done, tuple(each.line for each in suspects))

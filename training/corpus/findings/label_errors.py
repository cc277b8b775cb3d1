"""Rows whose label is likely wrong, by confident learning (Northcutt, Jiang and Chuang 2021), ranked.

Every row is judged by a classifier that has not seen it: logistic regression on the vectors of the frozen encoder, out
of fold. How many labels are wrong is told by the estimated joint of given and true labels; suspect are so many rows
whose given label is least probable, the least probable first. That finds more of them than pruning class by class
(`benchmarks/label_errors.py`).
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
from glossator.training.corpus.finding import Finding

FOLDS = 5
STRENGTH = 10.0
"""The inverse of the regularisation; vectors have length 1."""
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class SuspectLabel:
    """A row whose `label` is likely wrong, the label that fits better, and how probable each is."""

    line: int
    text: str
    label: str
    probability: float
    suggestion: str
    suggestion_probability: float

    def to_dict(self) -> dict[str, Any]:
        """The suspect as plain fields."""
        return asdict(self)


def find_label_errors(
    corpus: Corpus, vectors: NDArray[np.float32], *, folds: int = FOLDS, seed: int = 13
) -> list[SuspectLabel]:
    """The suspect rows, the likeliest to be wrong first; `vectors` is `(rows, dimension)`.

    Rows of classes with fewer rows than folds are judged by no classifier that knows their class, and left out. Raises
    CorpusError where labels are several a row, or fewer than two classes are left.
    """
    from cleanlab.count import num_label_issues
    from cleanlab.rank import get_label_quality_scores

    if corpus.task != "text-classification" or corpus.problem_type != "single_label_classification":
        raise CorpusError(
            "wrong labels are looked for where each text has one label",
            found=f"{corpus.task}, {corpus.problem_type}",
            hint="Leave out --label-errors.",
        )
    counts = Counter(names[0] for names in corpus.labels)
    names = sorted(name for name, count in counts.items() if count >= folds)
    if len(names) < 2:
        raise CorpusError(
            "there are too few rows to look for wrong labels",
            found=f"{len(names)} classes of {folds} rows or more",
            expected="two or more",
        )
    known = [index for index, (name,) in enumerate(corpus.labels) if counts[name] >= folds]
    place = {name: index for index, name in enumerate(names)}
    labels = np.array([place[corpus.labels[index][0]] for index in known])
    probability = out_of_fold(vectors[known], labels, folds=folds, seed=seed)
    count = num_label_issues(labels, probability)
    order = np.argsort(get_label_quality_scores(labels, probability, method="self_confidence"), kind="stable")
    likelier = probability.argmax(axis=1) != labels
    found = []
    for row in order[likelier[order]][:count].tolist():
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


def out_of_fold(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], *, folds: int = FOLDS, seed: int = 13
) -> NDArray[np.float64]:
    """Probabilities `(rows, classes)` of logistic regressions that have each not seen the rows they judge."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # nearly there is good enough for a ranking
        return np.asarray(
            cross_val_predict(
                LogisticRegression(C=STRENGTH, max_iter=100),
                vectors,
                labels,
                cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
                method="predict_proba",
            )
        )


def finding(corpus: Corpus, suspects: Sequence[SuspectLabel]) -> Finding:
    """The suspects as one finding of the report."""
    shown = tuple(
        f"line {each.line}: {shorten(each.label, 60)!r} ({each.probability:.2f}), more like "
        f"{shorten(each.suggestion, 60)!r} ({each.suggestion_probability:.2f}): {shorten(each.text)!r}"
        for each in suspects[:EXAMPLES]
    )
    share = len(suspects) / max(1, len(corpus))
    return Finding("likely-wrong-labels", len(suspects), share, shown, "kept; have them reviewed (--review)")

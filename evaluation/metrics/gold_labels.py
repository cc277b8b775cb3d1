"""Gold labels as a matrix that also has the labels that a model lacks: the model is wrong wherever they occur."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.labelled_rows import indicator

Scalar = TypeVar("Scalar", bound=np.generic)


def count_unknown(labels: Iterable[str], known: Sequence[str]) -> dict[str, int]:
    """Return how often each label occurs that is not in `known`, the most frequent first.

    >>> count_unknown(["late", "other", "late", "lost"], ["late"])
    {'lost': 1, 'other': 1}
    """
    names = set(known)
    counts = Counter(label for label in labels if label not in names)
    return {name: counts[name] for name in sorted(counts, key=lambda name: (-counts[name], name))}


def gold_matrix(labels: Sequence[Sequence[str]], known: Sequence[str]) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Return the gold labels, `(rows, labels)`, and the number of rows of each label that is not in `known`.

    The columns are those of `known`, then the unknown labels in the order of the dict.
    """
    unknown = count_unknown((label for row in labels for label in row), known)
    return indicator(labels, [*known, *unknown]), unknown


def widen(values: NDArray[Scalar], width: int) -> NDArray[Scalar]:
    """Return `(rows, labels)` values of a model with zeros for the labels that it lacks, `(rows, width)`."""
    return np.pad(values, ((0, 0), (0, width - values.shape[1])))

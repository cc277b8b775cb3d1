"""Suggests which texts to label next: texts that the model is uncertain about and that differ from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import Classifier
from glossator.service.tasks.text_classification import DEFAULT_THRESHOLD

Strategy = Literal["uncertain", "diverse", "both"]
POOL_FACTOR = 10
"""The strategy `both` clusters this many times the requested number of texts: the most uncertain ones."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text to label: its index, the uncertainty of the model (0 to 1), and its most probable label."""

    row: int
    uncertainty: float
    label: str
    probability: float


def uncertainty(probability: NDArray[np.float64], task: Classifier) -> NDArray[np.float64]:
    """Return the uncertainty of the model about each text, `(texts,)`, from 0 to 1.

    Single-label: `1 - (first - second)` of the two largest probabilities (margin sampling: Scheffer, Decomain and
    Wrobel 2001). Multi-label: the mean over labels of the closeness of the probability to its threshold.
    """
    if task.problem_type == "single_label_classification":
        two = np.sort(probability, axis=-1)[:, -2:]
        return np.asarray(1.0 - (two[:, 1] - two[:, 0]))
    thresholds = np.asarray(task.calibration.thresholds or [DEFAULT_THRESHOLD] * len(task.labels))
    farthest = np.where(probability < thresholds, thresholds, 1.0 - thresholds)
    return np.asarray(1.0 - (np.abs(probability - thresholds) / np.maximum(farthest, 1e-9)).mean(axis=-1))


def suggest_texts(
    texts: Sequence[str],
    probability: NDArray[np.float64],
    task: Classifier,
    *,
    count: int,
    strategy: Strategy = "both",
    seed: int = 0,
) -> list[Suggestion]:
    """Return the `count` texts to label next, the most uncertain first.

    Args:
        texts: The unlabelled texts.
        probability: The probabilities of the model, `(texts, labels)`.
        task: The task of the model.
        count: How many texts to suggest.
        strategy: `uncertain` takes the most uncertain texts. `both` clusters the most uncertain texts and takes the
            most uncertain one of each cluster (weighted k-means on TF-IDF vectors: Zhdanov 2019). `diverse` clusters
            all texts and takes the one nearest to each centre.
        seed: Seed of the clustering.
    """
    uncertainties = uncertainty(probability, task)
    order = np.argsort(-uncertainties, kind="stable")
    if strategy == "uncertain" or count >= len(texts):
        rows = order[:count]
    elif strategy == "both":
        pool = order[: count * POOL_FACTOR]
        rows = pool[_pick_per_cluster([texts[row] for row in pool], uncertainties[pool], count, seed, by_weight=True)]
    else:
        rows = np.array(_pick_per_cluster(texts, np.ones(len(texts)), count, seed, by_weight=False))
    rows = rows[np.argsort(-uncertainties[rows], kind="stable")]
    best = probability.argmax(axis=-1)
    return [
        Suggestion(int(row), float(uncertainties[row]), task.labels[best[row]], float(probability[row, best[row]]))
        for row in rows
    ]


def _pick_per_cluster(
    texts: Sequence[str], weights: NDArray[np.float64], count: int, seed: int, *, by_weight: bool
) -> list[int]:
    """Return one text per cluster: the one with the largest weight, or the one nearest to the centre."""
    if len(set(texts)) <= count:  # fewer different texts than clusters
        order: list[int] = np.argsort(-weights, kind="stable").tolist()
        return order[:count]
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True).fit_transform(texts)
    dimension = min(64, vectors.shape[1] - 1, len(texts) - 1)
    dense = TruncatedSVD(dimension, random_state=seed).fit_transform(vectors) if dimension > 1 else vectors.toarray()
    means = MiniBatchKMeans(count, random_state=seed, n_init=3, batch_size=max(1024, 3 * count))
    cluster = means.fit_predict(dense, sample_weight=np.maximum(weights, 1e-6))
    closeness = -np.linalg.norm(dense - means.cluster_centers_[cluster], axis=1)
    score = weights if by_weight else closeness
    members = [np.flatnonzero(cluster == number) for number in range(count)]
    rows: list[int] = [int(each[np.argmax(score[each])]) for each in members if len(each)]
    rest = [row for row in np.argsort(-score, kind="stable").tolist() if row not in set(rows)]
    return rows + rest[: count - len(rows)]  # a cluster can be empty

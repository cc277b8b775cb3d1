"""Which unlabelled texts to label next: those that the model is least sure of, and of these no two alike."""

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
"""So many times the texts wanted are looked at for diversity: the least sure ones."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text to label: its row among those given, how unsure the model is of it (0 to 1), and its likeliest label."""

    row: int
    uncertainty: float
    label: str
    probability: float


def uncertainty(probability: NDArray[np.float64], task: Classifier) -> NDArray[np.float64]:
    """How unsure the model is of each text, `(texts,)`, from 0 to 1.

    For one label `1 - (first - second)` of the two most probable (margin sampling: Scheffer, Decomain and Wrobel 2001);
    for any number of labels the mean over labels of how near each probability is to its threshold.
    """
    if task.problem_type == "single_label_classification":
        two = np.sort(probability, axis=-1)[:, -2:]
        return np.asarray(1.0 - (two[:, 1] - two[:, 0]))
    limits = np.asarray(task.calibration.thresholds or [DEFAULT_THRESHOLD] * len(task.labels))
    room = np.where(probability < limits, limits, 1.0 - limits)
    return np.asarray(1.0 - (np.abs(probability - limits) / np.maximum(room, 1e-9)).mean(axis=-1))


def suggest_texts(
    texts: Sequence[str],
    probability: NDArray[np.float64],
    task: Classifier,
    *,
    count: int,
    strategy: Strategy = "both",
    seed: int = 0,
) -> list[Suggestion]:
    """The `count` texts to label next, those most worth it first; `probability` is `(texts, labels)`.

    `uncertain` takes the least sure; `both` takes the least sure of each of `count` clusters among the least sure
    (weighted k-means on TF-IDF vectors: Zhdanov 2019); `diverse` clusters all texts and takes the one nearest to each
    centre, whatever the model thinks.
    """
    unsure = uncertainty(probability, task)
    order = np.argsort(-unsure, kind="stable")
    if strategy == "uncertain" or count >= len(texts):
        rows = order[:count]
    elif strategy == "both":
        pool = order[: count * POOL_FACTOR]
        rows = pool[_pick_per_cluster([texts[row] for row in pool], unsure[pool], count, seed, by_weight=True)]
    else:
        rows = np.array(_pick_per_cluster(texts, np.ones(len(texts)), count, seed, by_weight=False))
    rows = rows[np.argsort(-unsure[rows], kind="stable")]
    best = probability.argmax(axis=-1)
    return [
        Suggestion(int(row), float(unsure[row]), task.labels[best[row]], float(probability[row, best[row]]))
        for row in rows
    ]


def _pick_per_cluster(
    texts: Sequence[str], weights: NDArray[np.float64], count: int, seed: int, *, by_weight: bool
) -> list[int]:
    """Of each cluster the text of the greatest weight, or the one nearest to its centre."""
    if len(set(texts)) <= count:  # fewer kinds than clusters
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
    near = -np.linalg.norm(dense - means.cluster_centers_[cluster], axis=1)
    score = weights if by_weight else near
    rows: list[int] = [int(members[np.argmax(score[members])]) for each in range(count)
            if len(members := np.flatnonzero(cluster == each))]  # fmt: skip
    rest = [row for row in np.argsort(-score, kind="stable").tolist() if row not in set(rows)]
    return rows + rest[: count - len(rows)]  # a cluster may have come out empty

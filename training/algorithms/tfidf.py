"""A linear support vector machine on TF-IDF of tokens, and of token pairs if that is better on the validation rows."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from glossator.training.algorithms.algorithm import Algorithm, AlgorithmOptions, TrainingContext
from glossator.training.algorithms.linear import LinearHead, ValidationScorer, fit_linear_head
from glossator.training.training_loop import Outcome


class TfidfOptions(AlgorithmOptions):
    """Options of the features and the classifier."""

    pairs: Literal["auto", "yes", "no"] = "auto"
    """Whether pairs of neighbouring tokens are features; auto: if that is better on the validation rows."""
    strength: Annotated[float, Field(gt=0.0)] | None = None
    """C of the support vector machine, the inverse of its regularisation; None: chosen on the validation rows."""
    buckets: Annotated[int, Field(ge=1, le=2**22)] = 2**16
    """Rows of the table that pairs share by hashing."""


STRENGTHS = (0.1, 0.3, 1.0, 3.0)
MARGIN_SCALE = 8.0
"""A margin of 1 is a confident answer, but a logit of 1 is not. This factor brings margins into the range of logits in
which the temperature is fitted."""
MIN_PAIRS_GAIN = 0.005
"""Pairs are used only if they improve the metric by more than this, because they need a large table."""


def train(context: TrainingContext) -> tuple[Any, Outcome]:
    """Fit a classifier for each combination of open options, and keep the best one on the validation rows."""
    from glossator.modeling.architectures.ngrams import occurring_tokens
    from glossator.modeling.architectures.tfidf import TfidfConfig, TfidfModel

    started = time.monotonic()
    options: TfidfOptions = context.options
    strengths = STRENGTHS if options.strength is None else (options.strength,)
    windows = [example.window for example in context.examples]
    tokens = occurring_tokens(windows, context.special_tokens)
    best, chosen = -math.inf, None
    for buckets in {"no": (0,), "yes": (options.buckets,), "auto": (0, options.buckets)}[options.pairs]:
        model = TfidfModel(TfidfConfig(tokens=len(tokens), buckets=buckets, **context.model_settings()))
        model.grams.assign_rows(tokens)
        counts = _count_rows(model, windows)
        model.idf.copy_(_inverse_frequencies(counts, model.grams.rows))
        vectors, scorer = _tfidf_vectors(model, counts), ValidationScorer(context, model)
        validation_vectors = _tfidf_vectors(model, _count_rows(model, scorer.windows))
        needed = best + MIN_PAIRS_GAIN if chosen is not None else best
        for strength in strengths:
            head = _fit(context, vectors, strength)
            score = scorer.score(head, validation_vectors)
            context.progress.stage(
                f"{'tokens and pairs' if buckets else 'tokens'}, C {strength:g}: validation "
                f"{context.objective.metric} {score:.4f}"
            )
            if score > max(best, needed):
                best, chosen = score, (model, head)
    assert chosen is not None
    _set_weights(*chosen)
    return chosen[0], context.outcome_without_epochs(best, started)


def _inverse_frequencies(counts: Sequence[Counter[int]], rows: int) -> Any:
    """The inverse document frequency of each row of the table, `(rows,)`, smoothed as in scikit-learn."""
    import torch

    frequency = np.zeros(rows)
    for count in counts:
        frequency[list(count)] += 1
    return torch.from_numpy(np.log((1.0 + len(counts)) / (1.0 + frequency)) + 1.0)


def _count_rows(model: Any, windows: Sequence[Sequence[int]]) -> list[Counter[int]]:
    """The number of occurrences of each row of the table in each window."""
    import torch

    found = []
    for window in windows:
        ids = torch.as_tensor(window)[None]
        rows = model.grams(ids, torch.ones_like(ids))[0].tolist()
        found.append(Counter(row for row in rows if row))
    return found


def _tfidf_vectors(model: Any, counts: Sequence[Counter[int]]) -> Any:
    """The sparse TF-IDF vectors of windows, `(windows, rows)`, of length 1."""
    from scipy.sparse import csr_matrix

    idf = model.idf.numpy()
    columns = np.array([row for count in counts for row in count], dtype=np.int64)
    values = np.array([times for count in counts for times in count.values()], dtype=np.float64)
    begins = np.cumsum([0, *(len(count) for count in counts)])
    matrix = csr_matrix(((1.0 + np.log(values)) * idf[columns], columns, begins), (len(counts), model.grams.rows))
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix.data /= np.repeat(np.maximum(length, 1e-9), np.diff(begins))
    return matrix


def _fit(context: TrainingContext, vectors: Any, strength: float) -> LinearHead:
    from sklearn.svm import LinearSVC

    head = fit_linear_head(
        vectors,
        context.targets(),
        context.weights(),
        context.task,
        lambda: LinearSVC(C=strength, random_state=context.config.seed),
    )
    return LinearHead(head.weights * MARGIN_SCALE, head.bias * MARGIN_SCALE)


def _set_weights(model: Any, head: LinearHead) -> None:
    import torch

    with torch.no_grad():
        model.weights.weight.copy_(torch.from_numpy(head.weights))
        model.bias.copy_(torch.from_numpy(head.bias))


ALGORITHM = Algorithm(
    name="tfidf",
    summary="TF-IDF and a linear support vector machine: trains in seconds, hard to beat on long texts",
    train=train,
    trains_in_epochs=False,
    options=TfidfOptions,
)

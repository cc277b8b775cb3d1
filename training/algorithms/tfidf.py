"""TF-IDF of tokens, and of pairs of neighbours where validation wants them, with a linear support vector machine."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from glossator.service.bundle.task import StrictModel
from glossator.training.algorithms.algorithm import Algorithm, Run
from glossator.training.algorithms.linear import Held, Linear, fit_linear
from glossator.training.training_loop import Outcome


class TfidfOptions(StrictModel):
    """`pairs`: whether neighbours count as a gram of their own; auto: where that is better on validation rows.
    `strength`: the inverse of the regularisation, C; None: the best of a few on validation rows."""

    pairs: Literal["auto", "yes", "no"] = "auto"
    strength: Annotated[float, Field(gt=0.0)] | None = None
    buckets: Annotated[int, Field(ge=1, le=2**22)] = 2**16
    """Rows that pairs share."""


STRENGTHS = (0.1, 0.3, 1.0, 3.0)
MARGIN_SCALE = 8.0
"""Margins of 1 are a sure answer, as logits they would be a doubtful one: this brings them into the range in which the
temperature is fitted."""
PAIRS_GAIN = 0.005
"""How much better pairs must be to be worth the size of their table."""


def train(run: Run) -> tuple[Any, Outcome]:
    """Fits one machine for each choice that is open, and keeps the one that does best on the validation rows."""
    from glossator.modeling.architectures.ngrams import occurring_tokens
    from glossator.modeling.architectures.tfidf import TfidfConfig, TfidfModel

    started = time.monotonic()
    options: TfidfOptions = run.options
    strengths = STRENGTHS if options.strength is None else (options.strength,)
    windows = [example.window for example in run.examples]
    tokens = occurring_tokens(windows, run.special_tokens)
    best, chosen = -math.inf, None
    for buckets in {"no": (0,), "yes": (options.buckets,), "auto": (0, options.buckets)}[options.pairs]:
        model = TfidfModel(TfidfConfig(tokens=len(tokens), buckets=buckets, **run.model_settings()))
        model.grams.assign_rows(tokens)
        counts = _rows(model, windows)
        model.idf.copy_(_idf(counts, model.grams.rows))
        vectors, held = _matrix(model, counts), Held(run, model)
        held_vectors = _matrix(model, _rows(model, held.windows))
        needed = best + PAIRS_GAIN if chosen is not None else best
        for strength in strengths:
            linear = _fit(run, vectors, strength)
            value = held.score(linear, held_vectors)
            run.progress.stage(
                f"{'tokens and pairs' if buckets else 'tokens'}, C {strength:g}: validation "
                f"{run.objective.metric} {value:.4f}"
            )
            if value > max(best, needed):
                best, chosen = value, (model, linear)
    assert chosen is not None
    _put(*chosen)
    return chosen[0], run.fitted(best, started)


def _idf(counts: Sequence[Counter[int]], rows: int) -> Any:
    """The weight of each row, `(rows,)`, as scikit-learn smooths it."""
    import torch

    occurs = np.zeros(rows)
    for count in counts:
        occurs[list(count)] += 1
    return torch.from_numpy(np.log((1.0 + len(counts)) / (1.0 + occurs)) + 1.0)


def _rows(model: Any, windows: Sequence[Sequence[int]]) -> list[Counter[int]]:
    """How often each row of the table occurs in each window."""
    import torch

    found = []
    for window in windows:
        ids = torch.as_tensor(window)[None]
        rows = model.grams(ids, torch.ones_like(ids))[0].tolist()
        found.append(Counter(row for row in rows if row))
    return found


def _matrix(model: Any, counts: Sequence[Counter[int]]) -> Any:
    """The TF-IDF vectors `(windows, rows)`, sparse, of length 1, from how often each row occurs."""
    from scipy.sparse import csr_matrix

    idf = model.idf.numpy()
    columns = np.array([row for count in counts for row in count], dtype=np.int64)
    values = np.array([times for count in counts for times in count.values()], dtype=np.float64)
    begins = np.cumsum([0, *(len(count) for count in counts)])
    matrix = csr_matrix(((1.0 + np.log(values)) * idf[columns], columns, begins), (len(counts), model.grams.rows))
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix.data /= np.repeat(np.maximum(length, 1e-9), np.diff(begins))
    return matrix


def _fit(run: Run, vectors: Any, strength: float) -> Linear:
    from sklearn.svm import LinearSVC

    linear = fit_linear(
        vectors, run.targets(), run.weights(), run.task, lambda: LinearSVC(C=strength, random_state=run.config.seed)
    )
    return Linear(linear.weights * MARGIN_SCALE, linear.bias * MARGIN_SCALE)


def _put(model: Any, linear: Linear) -> None:
    import torch

    with torch.no_grad():
        model.weights.weight.copy_(torch.from_numpy(linear.weights))
        model.bias.copy_(torch.from_numpy(linear.bias))


ALGORITHM = Algorithm(
    name="tfidf",
    summary="TF-IDF of tokens and a linear support vector machine: seconds to train, hard to beat on long texts",
    train=train,
    options=TfidfOptions,
)

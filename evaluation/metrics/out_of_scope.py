"""How well a model tells out-of-scope texts from in-scope texts, by its own score and by its own limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.statistics.bootstrap import Estimate, percentile_interval
from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import ConfigError
from glossator.service.tasks.text_classification import find_out_of_scope

REFUSED_SHARES = (0.01, 0.05, 0.10)
"""The shares of refused in-scope texts at which the recall of out-of-scope texts is measured."""
RESAMPLES = 500

Values = NDArray[np.float64]


def check_knows_scope(task: Task) -> None:
    """Raise ConfigError if the model does not know out-of-scope texts."""
    if not isinstance(task, Classifier) or task.calibration.out_of_scope is None:
        raise ConfigError(
            "this model does not know out-of-scope texts",
            found=f"{task.task}, without a limit for them",
            expected="a model that gives a text one label, trained with enough validation rows",
            hint="Train and export it again, or leave --out-of-scope out.",
        )


def score_out_of_scope(
    task: Classifier, inside: Values, outside: Values, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Estimate]:
    """Return the metrics of a model on out-of-scope texts, each with its 95 % bootstrap interval.

    Args:
        task: A task for which `check_knows_scope` raises nothing.
        inside: The model's probabilities for in-scope texts, `(rows, labels)`.
        outside: Those for out-of-scope texts.
        resamples: Bootstrap resamples of in-scope rows and of out-of-scope texts.
        seed: Seed of the resamples.
    """
    scores = [1.0 - each.max(axis=-1) for each in (inside, outside)]
    refused, found = (find_out_of_scope(each, task) for each in (inside, outside))
    assert refused is not None
    assert found is not None
    generator = np.random.default_rng(seed)
    drawn = [[generator.integers(len(each), size=len(each)) for each in scores] for _ in range(resamples)]
    metrics = {"out_of_scope_auroc": _estimate(auroc, scores, drawn)}
    for share in REFUSED_SHARES:
        name = f"out_of_scope_recall_{share * 100:.0f}"
        metrics[name] = _estimate(partial(recall_at, refused=share), scores, drawn)
    metrics["out_of_scope_recall"] = _estimate(lambda _, b: float(b.mean()), [refused, found], drawn)
    metrics["out_of_scope_refused"] = _estimate(lambda a, _: float(a.mean()), [refused, found], drawn)
    return metrics


def auroc(inside: Values, outside: Values) -> float:
    """Return the probability that an out-of-scope text has the higher score; of equal scores half counts.

    >>> auroc(np.array([0.1, 0.4]), np.array([0.4, 0.9]))
    0.875
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([inside, outside]))[len(inside) :]
    wins = ranks.sum() - len(outside) * (len(outside) + 1) / 2.0
    return float(wins / (len(inside) * len(outside)))


def recall_at(inside: Values, outside: Values, refused: float) -> float:
    """Return the share of out-of-scope texts above the limit that refuses at most this share of the in-scope texts.

    >>> recall_at(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.35, 0.45]), 0.25)
    1.0
    """
    allowed = int(np.floor(refused * len(inside) + 1e-9))
    limit = np.sort(inside)[::-1][allowed] if allowed < len(inside) else -np.inf
    return float((outside > limit).mean())


def _estimate(
    metric: Callable[[Any, Any], float], sides: Sequence[NDArray[Any]], drawn: Sequence[Sequence[NDArray[np.int64]]]
) -> Estimate:
    inside, outside = sides
    values = np.array([metric(inside[one], outside[other]) for one, other in drawn])
    return Estimate(metric(inside, outside), *percentile_interval(values))

"""Tasks without a model, and a single-label and a multi-label evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from glossator.evaluation.metrics.classification import Evaluation, evaluate_classifier
from glossator.service.bundle.task import Calibration, Encoding, ProblemType, Provenance, TextClassification

MakeTask = Callable[..., TextClassification]


def _make_task(
    labels: Sequence[str],
    *,
    problem_type: ProblemType = "single_label_classification",
    thresholds: list[float] | None = None,
) -> TextClassification:
    return TextClassification(
        problem_type=problem_type,
        labels=list(labels),
        encoding=Encoding(max_length=64, stride=16),
        calibration=Calibration(thresholds=thresholds),
        provenance=Provenance(
            corpus_fingerprint="f",
            corpus_rows=1,
            base_model="tiny",
            base_revision="r",
            algorithm="finetune",
            config={},
            seed=0,
            code_version="0",
            packages={},
            created="2026-01-01T00:00:00Z",
        ),
    )


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


@pytest.fixture(scope="session")
def single_task() -> MakeTask:
    """Makes a single-label task with these labels."""
    return _make_task


@pytest.fixture(scope="session")
def multi_task() -> MakeTask:
    """Makes a multi-label task with these labels and thresholds; None for 0.5."""

    def make(labels: Sequence[str], thresholds: list[float] | None) -> TextClassification:
        return _make_task(labels, problem_type="multi_label_classification", thresholds=thresholds)

    return make


@pytest.fixture(scope="session")
def single_label() -> Callable[..., Evaluation]:
    """Evaluates a random classifier that is right about nine times in ten."""

    def make(labels: Sequence[str], *, rows: int = 400, name: str = "test", seed: int = 0) -> Evaluation:
        rng = np.random.default_rng(seed)
        gold = rng.integers(len(labels), size=rows)
        logits = rng.normal(size=(rows, len(labels)))
        logits[np.arange(rows), gold] += 3.0
        return evaluate_classifier(
            [(labels[i],) for i in gold], softmax(logits), _make_task(labels), resamples=100, name=name
        )

    return make


@pytest.fixture(scope="session")
def multi_label() -> Callable[..., Evaluation]:
    """Evaluates a random multi-label classifier."""

    def make(labels: Sequence[str], *, rows: int = 400, name: str = "test", seed: int = 0) -> Evaluation:
        rng = np.random.default_rng(seed)
        gold = rng.random((rows, len(labels))) < 0.2
        probability = 1.0 / (1.0 + np.exp(-(rng.normal(size=gold.shape) - 2.0 + 4.0 * gold)))
        names = [tuple(label for label, given in zip(labels, row, strict=True) if given) for row in gold]
        task = _make_task(labels, problem_type="multi_label_classification")
        return evaluate_classifier(names, probability, task, resamples=100, name=name)

    return make

"""The objective of labels and scores.

Single-label: cross-entropy over the labels. Multi-label: binary cross-entropy for each label. Scores: binary
cross-entropy with the score, scaled to the range from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.calibration.out_of_scope import calibrate_out_of_scope, knows_scope
from glossator.evaluation.calibration.task_calibration import calibrate_task
from glossator.evaluation.metrics.task_metrics import predict_rows, task_metrics
from glossator.modeling.labelled_rows import LabelledRows, indicator, inputs_of
from glossator.service.bundle.task import Task, TextClassification, TextPair
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.encoded import EncodedText
from glossator.service.tasks.text_classification import decide, probabilities
from glossator.training.batches import Example, make_examples
from glossator.training.compute.device import Device
from glossator.training.config import TrainingConfig
from glossator.training.corpus.finding import Finding
from glossator.training.objectives.objective import forward, weights_of

SCOPE_ROWS = 100
"""With fewer validation rows, and no out-of-scope rows to measure on, a limit for out-of-scope texts is too uncertain:
the share of 100 rows that is refused has a standard error of 2 points."""


class LabelObjective:
    """Classification of texts or pairs with one label or any number, and regression of pairs."""

    def __init__(
        self, task: TextClassification | TextPair, config: TrainingConfig, *, least_scope_rows: int = SCOPE_ROWS
    ) -> None:
        """`least_scope_rows`: with fewer validation rows, the model gets no limit for out-of-scope texts."""
        self._task = task
        self._least_scope_rows = least_scope_rows
        self._refused = config.out_of_scope_share
        self._smoothing = config.label_smoothing
        by_problem = {"multi_label_classification": "macro_f1", "regression": "pearson"}
        self.metric = by_problem.get(task.problem_type, "accuracy")

    def examples(self, encoded: Sequence[EncodedText], rows: LabelledRows) -> tuple[list[Example], list[Finding]]:
        """Every window with the labels of its text as 0 and 1, `(labels,)`, or with its score from 0 to 1."""
        return make_examples(encoded, list(self._targets(rows))), []

    def loss(self, model: Any, batch: Sequence[Example], device: Device) -> Any:
        """The weighted mean loss of a batch."""
        import torch
        from torch.nn import functional

        gold = torch.from_numpy(np.stack([example.target for example in batch])).to(device.name)  # (batch, labels)
        (logits,) = forward(model, self._task, [example.window for example in batch], device)  # (batch, labels)
        weights = weights_of(batch, device)
        if self._task.problem_type == "single_label_classification":
            losses = functional.cross_entropy(
                logits, gold.argmax(dim=-1), reduction="none", label_smoothing=self._smoothing
            )
        else:
            losses = functional.binary_cross_entropy_with_logits(logits, gold, reduction="none").mean(dim=-1)
        return (losses * weights).sum() / weights.sum()

    def validate(self, pipeline: Pipeline, rows: LabelledRows) -> float:
        """Accuracy; for multi-label macro-F1 at the best thresholds for these rows; for scores Pearson's r."""
        logits = pipeline.logits(inputs_of(rows, pipeline.task))
        if self._task.problem_type == "regression" and np.isfinite(logits).all():
            answers = predict_rows(pipeline, rows)
            metrics = task_metrics(rows, answers, self._task)
            return float(metrics.functions["pearson"](np.ones((1, len(rows))))[0])
        return self.score(logits, rows)

    def score(self, logits: NDArray[np.float64], rows: LabelledRows) -> float:
        """The metric of labels from pooled logits, `(rows, labels)`."""
        from sklearn.metrics import accuracy_score, f1_score

        if not np.isfinite(logits).all():
            return math.nan
        gold = indicator(rows.labels, self._task.labels)
        if self._task.problem_type == "single_label_classification":
            return float(accuracy_score(gold, decide(probabilities(logits, self._task), self._task)))
        task = calibrate_task(self._task, gold, logits)
        return float(f1_score(gold, decide(probabilities(logits, task), task), average="macro", zero_division=0))

    def calibrate(self, pipeline: Pipeline, rows: LabelledRows) -> Task:
        """The task with a temperature and a limit for out-of-scope texts; for multi-label with thresholds."""
        if self._task.problem_type == "regression":
            return self._task
        logits = pipeline.logits(inputs_of(rows, pipeline.task))
        task = calibrate_task(self._task, indicator(rows.labels, self._task.labels), logits)
        if self._refused and knows_scope(task) and len(rows) >= self._least_scope_rows:
            return calibrate_out_of_scope(task, logits, self._refused)
        return task

    def confidence(self, pipeline: Pipeline, rows: LabelledRows) -> NDArray[np.float64]:
        """The probability of the most probable label; for scores the position of the score in its range."""
        logits = pipeline.logits(inputs_of(rows, pipeline.task))
        if self._task.problem_type == "regression":
            return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits[:, 0])))
        return np.asarray(probabilities(logits, self._task).max(axis=-1))

    def _targets(self, rows: LabelledRows) -> NDArray[np.float32]:
        """The target of each row, `(rows, labels)`."""
        if self._task.problem_type != "regression":
            return indicator(rows.labels, self._task.labels).astype(np.float32)
        assert self._task.score_range is not None
        assert rows.scores is not None
        low, high = self._task.score_range
        return ((np.asarray(rows.scores, dtype=np.float32) - low) / (high - low))[:, np.newaxis]

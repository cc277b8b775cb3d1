"""Vectors: texts that belong together come near one another.

- Pairs, or two texts of one label: of the seconds in a batch each first must find its own (InfoNCE with cosine times
  20; Henderson et al. 2017; van den Oord et al. 2018). Others of the same label, or with the same text, are no
  negatives.
- Rated pairs: the square of the difference between the cosine and the rating, put between 0 and 1.

A text of several windows is learnt from its first; the others are read when it is embedded.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.metrics.task_metrics import predict_rows, task_metrics
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.bundle.task import Task, TextEmbedding
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.encoded import EncodedText
from glossator.training.batches import Example
from glossator.training.config import TrainingConfig
from glossator.training.corpus.finding import Finding
from glossator.training.device import Device
from glossator.training.objectives.objective import forward

SCALE = 20.0


class Partner(NamedTuple):
    """The second text of an example: its window, what it may not be told from, and the rating if there is one."""

    window: list[int]
    group: int
    rating: float | None


class Embeddings:
    """Vectors of texts."""

    def __init__(self, task: TextEmbedding, config: TrainingConfig, *, pairs: bool) -> None:
        self._task = task
        self._seed = config.seed
        self.metric = "spearman" if pairs else "nearest_accuracy"

    def examples(self, encoded: Sequence[EncodedText], rows: LabelledRows) -> tuple[list[Example], list[Finding]]:
        """A pair for each row: its own, or one drawn from the texts of its label."""
        windows = [text.windows[0] for text in encoded]
        if rows.seconds is None:
            return self._from_labels(windows, rows), []
        half = len(rows)
        ratings: Sequence[float | None] = [None] * half
        if rows.scores is not None:
            low, high = min(rows.scores), max(rows.scores)
            ratings = [(score - low) / (high - low or 1.0) for score in rows.scores]
        groups: dict[str, int] = {}
        return [
            Example(
                windows[row], row, 1.0,
                Partner(windows[half + row], groups.setdefault(rows.seconds[row], row), ratings[row]),
            )
            for row in range(half)
        ], []  # fmt: skip

    def loss(self, model: Any, batch: Sequence[Example], device: Device) -> Any:
        """The mean loss of a batch."""
        import torch
        from torch.nn import functional

        partners: list[Partner] = [example.target for example in batch]
        windows = [example.window for example in batch] + [partner.window for partner in partners]
        (vectors,) = forward(model, self._task, windows, device)
        firsts, seconds = functional.normalize(vectors, dim=-1).chunk(2)
        if partners[0].rating is not None:
            gold = torch.tensor([partner.rating for partner in partners], device=device.name)
            return functional.mse_loss((firsts * seconds).sum(dim=-1), gold)
        scores = SCALE * firsts @ seconds.T  # (batch, batch)
        groups = torch.tensor([partner.group for partner in partners], device=device.name)
        alike = (groups[:, None] == groups[None]) & ~torch.eye(len(batch), dtype=torch.bool, device=device.name)
        own = torch.arange(len(batch), device=device.name)
        return functional.cross_entropy(scores.masked_fill(alike, -1e4), own)

    def validate(self, pipeline: Pipeline, rows: LabelledRows) -> float:
        """Spearman's correlation of cosine and rating; for labelled texts, how often the nearest has the same label."""
        answers = predict_rows(pipeline, rows)
        metrics = task_metrics(rows, answers, self._task)
        value = float(metrics.functions[metrics.headline](np.ones((1, len(rows))))[0])
        return value if math.isfinite(value) else math.nan

    def calibrated(self, pipeline: Pipeline, rows: LabelledRows) -> Task:
        """The task as it is."""
        return self._task

    def confidence(self, pipeline: Pipeline, rows: LabelledRows) -> NDArray[np.float64]:
        """Nothing is decided, so nothing is sure or unsure: 1 for each row."""
        return np.ones(len(rows))

    def _from_labels(self, windows: Sequence[list[int]], rows: LabelledRows) -> list[Example]:
        generator = np.random.default_rng(self._seed)
        of_label: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for row, labels in enumerate(rows.labels):
            of_label[labels].append(row)
        numbers = {labels: number for number, labels in enumerate(of_label)}
        made = []
        for row, labels in enumerate(rows.labels):
            others = [other for other in of_label[labels] if other != row]
            if others:
                partner = others[int(generator.integers(len(others)))]
                made.append(Example(windows[row], row, 1.0, Partner(windows[partner], numbers[labels], None)))
        return made

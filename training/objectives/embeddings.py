"""The objective of embeddings: texts that belong together get similar vectors.

- Pairs, or two texts with the same label: each first text must find its partner among the second texts of the batch
  (InfoNCE with cosine times 20; Henderson et al. 2017; van den Oord et al. 2018). Texts with the same label or
  the same second text are not used as negatives.
- Pairs with scores: the squared difference between the cosine and the score, scaled to the range from 0 to 1.

Only the first window of a text is trained on; at prediction all windows are used.
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
from glossator.training.compute.device import Device
from glossator.training.config import TrainingConfig
from glossator.training.corpus.finding import Finding
from glossator.training.objectives.objective import forward

COSINE_SCALE = 20.0


class Partner(NamedTuple):
    """The second text of an example: its window, its group, and its score if there is one.

    Partners of the same group are not used as negatives for each other.
    """

    window: list[int]
    group: int
    score: float | None


class EmbeddingObjective:
    """Vectors of texts, trained on pairs or on labels."""

    def __init__(self, task: TextEmbedding, config: TrainingConfig, *, pairs: bool) -> None:
        self._task = task
        self._seed = config.seed
        self.metric = "spearman" if pairs else "nearest_accuracy"

    def examples(self, encoded: Sequence[EncodedText], rows: LabelledRows) -> tuple[list[Example], list[Finding]]:
        """A pair for each row: its two texts, or its text and another text with the same label."""
        windows = [text.windows[0] for text in encoded]
        if rows.seconds is None:
            return self._from_labels(windows, rows), []
        half = len(rows)
        scores: Sequence[float | None] = [None] * half
        if rows.scores is not None:
            low, high = min(rows.scores), max(rows.scores)
            scores = [(score - low) / (high - low or 1.0) for score in rows.scores]
        groups: dict[str, int] = {}
        made = []
        for row in range(half):
            partner = Partner(windows[half + row], groups.setdefault(rows.seconds[row], row), scores[row])
            made.append(Example(windows[row], row, 1.0, partner))
        return made, []

    def loss(self, model: Any, batch: Sequence[Example], device: Device) -> Any:
        """The mean loss of a batch."""
        import torch
        from torch.nn import functional

        partners: list[Partner] = [example.target for example in batch]
        windows = [example.window for example in batch] + [partner.window for partner in partners]
        (vectors,) = forward(model, self._task, windows, device)
        firsts, seconds = functional.normalize(vectors, dim=-1).chunk(2)
        if partners[0].score is not None:
            gold = torch.tensor([partner.score for partner in partners], device=device.name)
            return functional.mse_loss((firsts * seconds).sum(dim=-1), gold)
        scores = COSINE_SCALE * firsts @ seconds.T  # (batch, batch)
        groups = torch.tensor([partner.group for partner in partners], device=device.name)
        same_group = (groups[:, None] == groups[None]) & ~torch.eye(len(batch), dtype=torch.bool, device=device.name)
        own = torch.arange(len(batch), device=device.name)
        return functional.cross_entropy(scores.masked_fill(same_group, -1e4), own)

    def validate(self, pipeline: Pipeline, rows: LabelledRows) -> float:
        """Spearman's correlation of cosine and score; for labels, how often the nearest text has the same label."""
        answers = predict_rows(pipeline, rows)
        metrics = task_metrics(rows, answers, self._task)
        value = float(metrics.functions[metrics.headline](np.ones((1, len(rows))))[0])
        return value if math.isfinite(value) else math.nan

    def calibrate(self, pipeline: Pipeline, rows: LabelledRows) -> Task:
        """The task, unchanged: embeddings have nothing to calibrate."""
        return self._task

    def confidence(self, pipeline: Pipeline, rows: LabelledRows) -> NDArray[np.float64]:
        """1 for each row: an embedding has no confidence."""
        return np.ones(len(rows))

    def _from_labels(self, windows: Sequence[list[int]], rows: LabelledRows) -> list[Example]:
        """For each row whose labels other rows have too, a pair with a random one of these."""
        generator = np.random.default_rng(self._seed)
        rows_of: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for row, labels in enumerate(rows.labels):
            rows_of[labels].append(row)
        numbers = {labels: number for number, labels in enumerate(rows_of)}
        made = []
        for row, labels in enumerate(rows.labels):
            others = [other for other in rows_of[labels] if other != row]
            if others:
                partner = others[int(generator.integers(len(others)))]
                made.append(Example(windows[row], row, 1.0, Partner(windows[partner], numbers[labels], None)))
        return made

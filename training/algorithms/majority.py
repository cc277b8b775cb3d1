"""Predicts the frequency of each label, whatever the text: the baseline that every other algorithm must beat."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from glossator.training.algorithms.algorithm import Algorithm, TrainingContext
from glossator.training.training_loop import Outcome


def train(context: TrainingContext) -> tuple[Any, Outcome]:
    """Set the logits to the log of each label's share (multi-label: of its odds), with add-one smoothing."""
    import torch

    from glossator.modeling.architectures.majority import MajorityConfig, MajorityModel

    started = time.monotonic()
    counts = (context.targets() * context.weights()[:, np.newaxis]).sum(axis=0) + 1.0
    rows = len(context.splits.train) + 2.0
    single = context.splits.train.problem_type == "single_label_classification"
    logits = np.log(counts) if single else np.log(counts / (rows - counts))
    model = MajorityModel(MajorityConfig(**context.model_settings()))
    with torch.no_grad():
        model.prior.copy_(torch.from_numpy(logits))
    return model, context.outcome_without_epochs(context.validate(model), started)


ALGORITHM = Algorithm(
    name="majority",
    summary="always the most frequent label: the baseline",
    train=train,
    trains_in_epochs=False,
)

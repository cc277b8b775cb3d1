"""How often each label occurs: what every other algorithm must beat."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from glossator.training.algorithms.algorithm import Algorithm, Run
from glossator.training.training_loop import Outcome


def train(run: Run) -> tuple[Any, Outcome]:
    """The logits are the logarithms of the labels' shares (for any number of labels, of their odds), each label counted
    once more than it occurs."""
    import torch

    from glossator.modeling.architectures.majority import MajorityConfig, MajorityModel

    started = time.monotonic()
    carried = (run.targets() * run.weights()[:, np.newaxis]).sum(axis=0) + 1.0
    rows = len(run.splits.train) + 2.0
    single = run.splits.train.problem_type == "single_label_classification"
    logits = np.log(carried) if single else np.log(carried / (rows - carried))
    model = MajorityModel(MajorityConfig(**run.model_settings()))
    with torch.no_grad():
        model.prior.copy_(torch.from_numpy(logits))
    return model, run.fitted(run.score(model), started)


ALGORITHM = Algorithm(
    name="majority",
    summary="the most frequent label, whatever the text: the floor",
    train=train,
)

"""The whole encoder with a new head, for any task."""

from __future__ import annotations

from typing import Any

from glossator.training.algorithms.algorithm import EVERY_TASK, Algorithm, Run
from glossator.training.base_model import open_model
from glossator.training.training_loop import Outcome


def train(run: Run) -> tuple[Any, Outcome]:
    """Every weight learns."""
    model = open_model(run.base, run.task)
    return model, run.descend(model)


def search(trial: Any) -> dict[str, Any]:
    """What is worth trying (Mosbach et al. 2021: learning rate and epochs decide most)."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 3e-5, 6e-4, log=True),
        "batch_size": trial.suggest_categorical("batch_size", [16, 32, 64]),
        "label_smoothing": trial.suggest_float("label_smoothing", 0.0, 0.2),
        "head_learning_rate_factor": trial.suggest_float("head_learning_rate_factor", 1.0, 30.0, log=True),
    }


ALGORITHM = Algorithm(
    name="finetune",
    summary="every weight of the encoder learns: the most accurate, the slowest to train",
    train=train,
    tasks=EVERY_TASK,
    search=search,
)

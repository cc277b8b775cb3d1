"""Fine-tunes the whole encoder with a new head, for any task."""

from __future__ import annotations

from typing import Any

from glossator.training.algorithms.algorithm import EVERY_TASK, Algorithm, TrainingContext
from glossator.training.base_model import open_model
from glossator.training.training_loop import Outcome


def train(context: TrainingContext) -> tuple[Any, Outcome]:
    """Train every weight."""
    model = open_model(context.base, context.task)
    return model, context.train_model(model)


def suggest_options(trial: Any) -> dict[str, Any]:
    """Values to try; learning rate and epochs matter most (Mosbach et al. 2021)."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 3e-5, 6e-4, log=True),
        "batch_size": trial.suggest_categorical("batch_size", [16, 32, 64]),
        "label_smoothing": trial.suggest_float("label_smoothing", 0.0, 0.2),
        "head_learning_rate_factor": trial.suggest_float("head_learning_rate_factor", 1.0, 30.0, log=True),
    }


ALGORITHM = Algorithm(
    name="finetune",
    summary="trains every weight of the encoder: the most accurate, the slowest to train",
    train=train,
    tasks=EVERY_TASK,
    search=suggest_options,
)

"""Trains low-rank adapters in the linear layers of the encoder (LoRA: Hu et al. 2022).

The adapters are merged into the weights before the checkpoint is written, so that an ordinary encoder is exported.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from glossator.training.algorithms.algorithm import EVERY_TASK, Algorithm, AlgorithmOptions, TrainingContext
from glossator.training.base_model import open_model
from glossator.training.config import Schedule
from glossator.training.training_loop import Outcome


class LoraOptions(AlgorithmOptions):
    """The `rank` of the adapters, and `alpha`: the output of an adapter is multiplied by `alpha / rank`."""

    rank: Annotated[int, Field(ge=1, le=256)] = 16
    alpha: Annotated[float, Field(gt=0.0)] = 32.0


def train(context: TrainingContext) -> tuple[Any, Outcome]:
    """Train the adapters and the head; the other weights of the encoder do not change."""
    from torch.nn.utils import parametrize

    model = open_model(context.base, context.task)
    adapted = add_adapters(model, context.options)
    context.progress.stage(
        f"{sum(each.numel() for each in model.parameters() if each.requires_grad):,} of "
        f"{sum(each.numel() for each in model.parameters()):,} weights are trained"
    )
    outcome = context.train_model(model)
    for linear in adapted:
        parametrize.remove_parametrizations(linear, "weight", leave_parametrized=True)
    return model, outcome


def add_adapters(model: Any, options: LoraOptions) -> list[Any]:
    """Add adapters to the linear layers of the encoder and freeze its other weights; return these layers."""
    import torch
    from torch.nn.utils import parametrize

    class LowRank(torch.nn.Module):
        """`weight + up @ down * alpha / rank`; `up` starts at zero, so training starts at the unchanged encoder."""

        def __init__(self, out: int, width: int) -> None:
            super().__init__()
            self.down = torch.nn.Parameter(torch.randn(options.rank, width) / width**0.5)
            self.up = torch.nn.Parameter(torch.zeros(out, options.rank))

        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return weight + self.up @ self.down * (options.alpha / options.rank)

    body = model.base_model
    for parameter in body.parameters():
        parameter.requires_grad_(False)
    pooler = getattr(body, "pooler", None)
    if pooler is not None:  # the pooler follows the last layer and is trained like the head
        for parameter in pooler.parameters():
            parameter.requires_grad_(True)
    in_pooler = set() if pooler is None else set(pooler.modules())
    adapted = [each for each in body.modules() if isinstance(each, torch.nn.Linear) and each not in in_pooler]
    for linear in adapted:
        parametrize.register_parametrization(linear, "weight", LowRank(*linear.weight.shape))
    return adapted


def suggest_options(trial: Any) -> dict[str, Any]:
    """Values to try in a hyperparameter search."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 3e-4, 5e-3, log=True),
        "rank": trial.suggest_categorical("rank", [4, 8, 16, 32]),
    }


ALGORITHM = Algorithm(
    name="lora",
    summary="low-rank adapters, merged at the end: a few per cent of the weights are trained",
    train=train,
    tasks=EVERY_TASK,
    options=LoraOptions,
    schedule=Schedule(learning_rate=1e-3, head_learning_rate_factor=2.0),
    search=suggest_options,
)

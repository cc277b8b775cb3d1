"""Low-rank adapters in the encoder's attention (Hu et al. 2022), merged into its weights before the checkpoint is
written: what is exported and served is an ordinary encoder."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from glossator.service.bundle.task import StrictModel
from glossator.training.algorithms.algorithm import EVERY_TASK, Algorithm, Run
from glossator.training.base_model import open_model
from glossator.training.config import Schedule
from glossator.training.training_loop import Outcome


class LoraOptions(StrictModel):
    """`rank` of each adapter, and `alpha`: an adapter counts `alpha / rank`."""

    rank: Annotated[int, Field(ge=1, le=256)] = 16
    alpha: Annotated[float, Field(gt=0.0)] = 32.0


def train(run: Run) -> tuple[Any, Outcome]:
    """The encoder's own weights stay; its adapters and the head learn."""
    from torch.nn.utils import parametrize

    model = open_model(run.base, run.task)
    adapted = adapt(model, run.options)
    run.progress.stage(
        f"{sum(each.numel() for each in model.parameters() if each.requires_grad):,} of "
        f"{sum(each.numel() for each in model.parameters()):,} weights learn"
    )
    outcome = run.descend(model)
    for linear in adapted:
        parametrize.remove_parametrizations(linear, "weight", leave_parametrized=True)
    return model, outcome


def adapt(model: Any, options: LoraOptions) -> list[Any]:
    """Puts an adapter on every linear layer of the encoder's layers and freezes all else of it; the layers adapted."""
    import torch
    from torch.nn.utils import parametrize

    class LowRank(torch.nn.Module):
        """`weight + up @ down * alpha / rank`; `up` begins at zero, so that training begins at the encoder itself."""

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
    if pooler is not None:  # it stands above the layers, as a part of the head
        for parameter in pooler.parameters():
            parameter.requires_grad_(True)
    above = set() if pooler is None else set(pooler.modules())
    adapted = [each for each in body.modules() if isinstance(each, torch.nn.Linear) and each not in above]
    for linear in adapted:
        parametrize.register_parametrization(linear, "weight", LowRank(*linear.weight.shape))
    return adapted


def search(trial: Any) -> dict[str, Any]:
    """What is worth trying."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 3e-4, 5e-3, log=True),
        "rank": trial.suggest_categorical("rank", [4, 8, 16, 32]),
    }


ALGORITHM = Algorithm(
    name="lora",
    summary="low-rank adapters, merged at the end: a few per cent of the weights learn",
    train=train,
    tasks=EVERY_TASK,
    options=LoraOptions,
    schedule=Schedule(learning_rate=1e-3, head_learning_rate_factor=2.0),
    search=search,
)

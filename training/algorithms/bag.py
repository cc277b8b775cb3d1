"""The mean of token vectors that start from random numbers, with pairs of neighbours by hashing, as fastText does."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from glossator.service.bundle.task import StrictModel
from glossator.training.algorithms.algorithm import Algorithm, Run
from glossator.training.config import Schedule
from glossator.training.training_loop import Outcome


class BagOptions(StrictModel):
    """Sizes of the model."""

    dimension: Annotated[int, Field(ge=1, le=4096)] = 128
    hidden: Annotated[int, Field(ge=0, le=4096)] = 0
    """Units between the mean and the labels; 0: none."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3
    """Share of a mean's values left out in training."""
    gram_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    """Share of a text's grams left out in training."""
    normalized: bool = False
    """Whether of a mean the direction alone counts."""
    buckets: Annotated[int, Field(ge=0, le=2**22)] = 2**14
    """Rows that pairs of neighbouring tokens share; 0: pairs do not count."""


def train(run: Run) -> tuple[Any, Outcome]:
    """Only tokens that occur get a row."""
    model = make(run, occurring(run), run.options.dimension)
    return model, descend(run, model)


def occurring(run: Run) -> list[int]:
    """The tokens of the training rows."""
    from glossator.modeling.architectures.ngrams import occurring_tokens

    return occurring_tokens((example.window for example in run.examples), run.special_tokens)


def make(run: Run, tokens: list[int], dimension: int) -> Any:
    """A bag with these tokens, from random numbers."""
    from glossator.modeling.architectures.bag import BagConfig, BagModel

    settings = run.options.model_dump(include=set(BagOptions.model_fields)) | {"dimension": dimension}
    model = BagModel(BagConfig(tokens=len(tokens), **settings, **run.model_settings()))
    model.grams.assign_rows(tokens)
    return model


def descend(run: Run, model: Any) -> Outcome:
    """Trains a bag; in fp32, since there is no product that bf16 would speed up."""
    return run.descend(model, device=replace(run.device, bf16=False))


def search(trial: Any) -> dict[str, Any]:
    """What is worth trying."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 3e-2, log=True),
        "dimension": trial.suggest_categorical("dimension", [64, 128, 256]),
        "dropout": trial.suggest_float("dropout", 0.0, 0.6),
        "gram_dropout": trial.suggest_float("gram_dropout", 0.0, 0.7),
        "hidden": trial.suggest_categorical("hidden", [0, 128, 256]),
        "buckets": trial.suggest_categorical("buckets", [0, 2**14, 2**16]),
    }


ALGORITHM = Algorithm(
    name="bag",
    summary="the mean of token vectors learnt from your rows alone: tiny and fast, wants many rows",
    train=train,
    options=BagOptions,
    schedule=Schedule(epochs=15, batch_size=64, learning_rate=5e-3, head_learning_rate_factor=1.0, patience=6),
    search=search,
)

"""A linear classifier on the mean of trained token vectors, with hashed vectors for token pairs, as in fastText."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from glossator.training.algorithms.algorithm import Algorithm, AlgorithmOptions, TrainingContext
from glossator.training.config import Schedule
from glossator.training.training_loop import Outcome


class BagOptions(AlgorithmOptions):
    """Sizes of the model."""

    dimension: Annotated[int, Field(ge=1, le=4096)] = 128
    hidden: Annotated[int, Field(ge=0, le=4096)] = 0
    """Units of a hidden layer between the mean and the labels; 0: no hidden layer."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3
    """Share of the values of the mean that are dropped at random in training."""
    gram_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    """Share of the tokens and pairs of a text that are dropped at random in training."""
    normalized: bool = False
    """Whether the mean is scaled to length 1."""
    buckets: Annotated[int, Field(ge=0, le=2**22)] = 2**14
    """Rows of the table that pairs of neighbouring tokens share by hashing; 0: no pairs."""


def train(context: TrainingContext) -> tuple[Any, Outcome]:
    """Train a bag whose table has rows only for tokens that occur in the training rows."""
    model = make_bag(context, training_tokens(context), context.options.dimension)
    return model, train_bag(context, model)


def training_tokens(context: TrainingContext) -> list[int]:
    """The tokens that occur in the training rows."""
    from glossator.modeling.architectures.ngrams import occurring_tokens

    return occurring_tokens((example.window for example in context.examples), context.special_tokens)


def make_bag(context: TrainingContext, tokens: list[int], dimension: int) -> Any:
    """A bag with rows for these tokens, with random weights."""
    from glossator.modeling.architectures.bag import BagConfig, BagModel

    settings = context.options.model_dump(include=set(BagOptions.model_fields)) | {"dimension": dimension}
    model = BagModel(BagConfig(tokens=len(tokens), **settings, **context.model_settings()))
    model.grams.assign_rows(tokens)
    return model


def train_bag(context: TrainingContext, model: Any) -> Outcome:
    """Train a bag in fp32: it has no matrix products that bf16 would speed up."""
    return context.train_model(model, device=replace(context.device, bf16=False))


def suggest_options(trial: Any) -> dict[str, Any]:
    """Values to try in a hyperparameter search."""
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
    summary="the mean of token vectors trained on your rows only: tiny and fast, needs many rows",
    train=train,
    options=BagOptions,
    schedule=Schedule(epochs=15, batch_size=64, learning_rate=5e-3, head_learning_rate_factor=1.0, patience=6),
    search=suggest_options,
)

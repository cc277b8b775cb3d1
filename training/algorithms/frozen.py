"""Fits a logistic head on the pooled token vectors of the unchanged encoder."""

from __future__ import annotations

import time
from typing import Annotated, Any

from pydantic import Field

from glossator.training.algorithms.algorithm import Algorithm, AlgorithmOptions, TrainingContext
from glossator.training.algorithms.linear import ValidationScorer
from glossator.training.algorithms.window_vectors import (
    STRENGTHS,
    embed_windows,
    fit_head,
    make_pooled_model,
    open_encoder,
    set_head,
)
from glossator.training.training_loop import Outcome


class FrozenOptions(AlgorithmOptions):
    """Options of the head."""

    strength: Annotated[float, Field(gt=0.0)] | None = None
    """C of the logistic regression, the inverse of its regularisation; None: chosen on the validation rows."""


def train(context: TrainingContext) -> tuple[Any, Outcome]:
    """Compute every vector once, then fit a head for each strength and keep the best on the validation rows."""
    started = time.monotonic()
    encoder, task = open_encoder(context)
    model = make_pooled_model(context, encoder)
    context.progress.stage(f"computing the vectors of {len(context.examples):,} windows")
    vectors = embed_windows(context, encoder, task, [example.window for example in context.examples])
    scorer = ValidationScorer(context, model)
    validation_vectors = embed_windows(context, encoder, task, scorer.windows)
    options: FrozenOptions = context.options
    best, chosen = -1.0, None
    for strength in STRENGTHS if options.strength is None else (options.strength,):
        head = fit_head(context, vectors, strength)
        score = scorer.score(head, validation_vectors)
        context.progress.stage(f"C {strength:g}: validation {context.objective.metric} {score:.4f}")
        if chosen is not None and score <= best:
            break  # weaker regularisation takes longer to fit: stop at the first that is not better
        best, chosen = score, head
    assert chosen is not None
    set_head(model, chosen)
    return model, context.outcome_without_epochs(best, started)


ALGORITHM = Algorithm(
    name="frozen",
    summary="a logistic head on the unchanged encoder: under a minute, near the best on many corpora",
    train=train,
    trains_in_epochs=False,
    options=FrozenOptions,
)

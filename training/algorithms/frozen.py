"""The encoder as it comes, and a logistic head on the mean of its tokens."""

from __future__ import annotations

import time
from typing import Annotated, Any

from pydantic import Field

from glossator.service.bundle.task import StrictModel
from glossator.training.algorithms.algorithm import Algorithm, Run
from glossator.training.algorithms.linear import Held
from glossator.training.algorithms.window_vectors import STRENGTHS, fit_head, open_encoder, put_head, window_vectors
from glossator.training.training_loop import Outcome


class FrozenOptions(StrictModel):
    """`strength`: the inverse of the regularisation, C; None: the best of a few on validation rows."""

    strength: Annotated[float, Field(gt=0.0)] | None = None


def train(run: Run) -> tuple[Any, Outcome]:
    """Each text goes through the encoder once."""
    from glossator.modeling.architectures.pooled import PooledConfig, PooledModel

    started = time.monotonic()
    encoder, task = open_encoder(run)
    model = PooledModel(PooledConfig(encoder=encoder.config, **run.model_settings()), encoder)
    run.progress.stage(f"vectors of {len(run.examples):,} windows")
    vectors = window_vectors(run, encoder, task, [example.window for example in run.examples])
    held = Held(run, model)
    held_vectors = window_vectors(run, encoder, task, held.windows)
    options: FrozenOptions = run.options
    best, chosen = -1.0, None
    for strength in STRENGTHS if options.strength is None else (options.strength,):
        head = fit_head(run, vectors, strength)
        value = held.score(head, held_vectors)
        run.progress.stage(f"C {strength:g}: validation {run.objective.metric} {value:.4f}")
        if chosen is not None and value <= best:
            break  # the weaker the regularisation, the longer the fit: the first that brings nothing ends the search
        best, chosen = value, head
    assert chosen is not None
    put_head(model, chosen)
    return model, run.fitted(best, started)


ALGORITHM = Algorithm(
    name="frozen",
    summary="a logistic head on the encoder as it comes: under a minute, near the best on many corpora",
    train=train,
    options=FrozenOptions,
)

"""The public interface for algorithms in other packages. See docs/algorithms.md.

An algorithm of another package imports from this module only, and registers an `Algorithm` under the entry point group
`glossator.algorithms`. Its `train` function receives a `TrainingContext` and returns the model and an `Outcome`.
"""

from __future__ import annotations

from glossator.modeling.labelled_rows import LabelledRows
from glossator.training.algorithms.algorithm import (
    EVERY_TASK,
    TEXTS,
    Algorithm,
    AlgorithmOptions,
    Splits,
    TrainingContext,
)
from glossator.training.algorithms.linear import LinearHead, ValidationScorer, fit_linear_head
from glossator.training.algorithms.window_vectors import (
    embed_windows,
    fit_head,
    make_pooled_model,
    open_encoder,
    set_head,
)
from glossator.training.base_model import BaseModel, open_model
from glossator.training.batches import Example, make_examples
from glossator.training.compute.device import Device
from glossator.training.config import Schedule, TrainingConfig
from glossator.training.corpus.corpus import Corpus
from glossator.training.objectives.objective import forward, weights_of
from glossator.training.training_loop import Outcome

__all__ = [
    "EVERY_TASK",
    "TEXTS",
    "Algorithm",
    "AlgorithmOptions",
    "BaseModel",
    "Corpus",
    "Device",
    "Example",
    "LabelledRows",
    "LinearHead",
    "Outcome",
    "Schedule",
    "Splits",
    "TrainingConfig",
    "TrainingContext",
    "ValidationScorer",
    "embed_windows",
    "fit_head",
    "fit_linear_head",
    "forward",
    "make_examples",
    "make_pooled_model",
    "open_encoder",
    "open_model",
    "set_head",
    "weights_of",
]

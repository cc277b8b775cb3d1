"""Checks that a model answers a short text, and answers it the same next to a longer one, for which it is padded."""

from __future__ import annotations

from typing import Any

import numpy as np

from glossator.export.onnx_source.reference_session import ReferenceSession
from glossator.export.parity import FP32_LIMIT, largest_difference
from glossator.modeling.torch_session import TorchSession
from glossator.service.bundle.task import Task
from glossator.service.errors import ConfigError
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.encoded import EncodedText, Pair, Text

Running = TorchSession | ReferenceSession

_SHORT = "All is well"
_LONG = "The quick brown fox jumps over the lazy dog, and nobody in the whole village could say why it did so again."


def check_padding(model: Any, session: Running, pipeline: Pipeline, task: Task) -> None:
    """Run a short text alone, and next to a longer one.

    Args:
        model: A model of transformers, or an ONNX graph with the configuration of one.
        session: Runs the model.
        pipeline: The pipeline of the same model; it only encodes here.
        task: What the model does.

    Raises ConfigError if the model fails, or if its answer depends on the padding: then a text would get another answer
    in each batch.
    """
    texts: list[Text] = [Pair(_SHORT, each) if reads_pairs(task) else each for each in (_SHORT, _LONG)]
    encoded = [each for each in pipeline.encode(texts) if isinstance(each, EncodedText)]
    if len(encoded) < len(texts):
        return  # a tokenizer that knows none of these words, or windows that are too short for two texts
    short, long = (each.windows[0] for each in encoded)
    try:
        (alone,), padded = session.run([short]), session.run([short, long])[0]
    except Exception as error:  # each architecture fails in its own way
        raise ConfigError(
            f"this {model.config.model_type} model cannot be run on short texts",
            found=str(error).strip().split("\n")[0] or type(error).__name__,
            expected="a model that reads texts of any length up to its window",
            hint="Models that need a fixed length, or further inputs, cannot be imported.",
        ) from error
    difference = largest_difference([padded.astype(np.float64)], [alone.astype(np.float64)])
    if not difference <= FP32_LIMIT * max(1.0, float(np.abs(alone).max(initial=0.0))):
        raise ConfigError(
            f"the answers of this {model.config.model_type} model depend on the padding of its batch",
            found=f"outputs of the same text differ by {difference:.3g}, alone and next to a longer text",
            expected=f"at most {FP32_LIMIT:g}",
            hint="Its architecture mixes padding into the text. Import a model of another family.",
        )

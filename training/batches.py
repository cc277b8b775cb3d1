"""Training examples, and their batches: similar lengths together, in an order that depends on seed and epoch only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glossator.service.tasks.encoded import EncodedText

POOL_BATCHES = 50
"""Examples are sorted by length within pools of this many batches: little padding, but other batches in each epoch."""


@dataclass(frozen=True, slots=True)
class Example:
    """One window of a text and its target. The windows of one text share a weight of 1."""

    window: list[int]
    row: int
    weight: float
    target: Any


def make_examples(texts: Sequence[EncodedText], targets: Sequence[Any]) -> list[Example]:
    """One example for each window of each text, with the target of the text. Long and short texts have equal weight."""
    return [
        Example(window, row, 1.0 / len(text.windows), target)
        for row, (text, target) in enumerate(zip(texts, targets, strict=True))
        for window in text.windows
    ]


def epoch_batches(lengths: Sequence[int], *, batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Batches of indices into `lengths`, each index once. Equal on every machine for the same seed and epoch."""
    generator = np.random.Generator(np.random.PCG64([seed, epoch]))
    order = generator.permutation(len(lengths))
    pool = batch_size * POOL_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(order), pool):
        by_length = sorted(order[start : start + pool].tolist(), key=lambda index: lengths[index])
        batches += [by_length[i : i + batch_size] for i in range(0, len(by_length), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]

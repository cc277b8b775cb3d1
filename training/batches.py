"""Training examples in batches of like length, in an order that only the seed and the epoch decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glossator.service.tasks.encoded import EncodedText

POOL_BATCHES = 50
"""Batches are sorted by length within pools of this many, so that batches differ between epochs and hold little
padding."""


@dataclass(frozen=True, slots=True)
class Example:
    """One window of a text, and what is to be learnt from it. The windows of one text share its weight of 1."""

    window: list[int]
    row: int
    weight: float
    target: Any


def make_examples(texts: Sequence[EncodedText], targets: Sequence[Any]) -> list[Example]:
    """Every window of every text, with the text's target: a long text is learned from whole, and counts as much as a
    short one."""
    return [
        Example(window, row, 1.0 / len(text.windows), target)
        for row, (text, target) in enumerate(zip(texts, targets, strict=True))
        for window in text.windows
    ]


def epoch_batches(lengths: Sequence[int], *, batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Indices into `lengths` in batches, each index once; the same for the same seed and epoch on every machine."""
    generator = np.random.Generator(np.random.PCG64([seed, epoch]))
    order = generator.permutation(len(lengths))
    pool = batch_size * POOL_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(order), pool):
        by_length = sorted(order[start : start + pool].tolist(), key=lambda index: lengths[index])
        batches += [by_length[i : i + batch_size] for i in range(0, len(by_length), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]

"""Cascade of two graphs: the fast tier answers where it is confident, the full tier answers the rest.

All windows of a text go through the fast tier. If the probability of its most probable label is below the gate's
threshold, they go through the full tier. Outputs of the fast tier are rescaled to the temperature of the full tier, so
that one decoder reads both.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from glossator.service.bundle.manifest import Tier
from glossator.service.bundle.task import Calibration, Classifier
from glossator.service.inference.queue.calls import BatchFuture, Lane, Outputs, Windows, follow
from glossator.service.tasks.encoded import EncodedText, Floats, group_by_text, windows_of
from glossator.service.tasks.text_classification import pool_windows, probabilities


class Executor(Protocol):
    """Turns windows of token ids into outputs, in order.

    Either the queue of a served model (`Batcher`), or `InlineExecutor`, which runs a graph in the caller's thread.
    """

    def submit(
        self, windows: Windows, *, lane: Lane = "interactive", deadline: float | None = None
    ) -> Future[Outputs]: ...


class TieredOutputs(list[Floats]):
    """Outputs, one per window, and the tier that answered each text."""

    __slots__ = ("tiers",)

    def __init__(self, outputs: Sequence[Floats], tiers: Sequence[Tier]) -> None:
        super().__init__(outputs)
        self.tiers = tuple(tiers)


@dataclass(frozen=True, slots=True)
class FastTier:
    """The fast graph and its gate.

    `temperature` calibrates its probabilities; `threshold` is the lowest probability of the most probable label with
    which the fast tier answers.
    """

    executor: Executor
    temperature: float
    threshold: float


class Cascade:
    """Runs texts through two tiers."""

    def __init__(self, fast: FastTier, full: Executor, task: Classifier) -> None:
        self._fast = fast
        self._full = full
        self._task = task.model_copy(update={"calibration": Calibration(temperature=fast.temperature)})
        self._rescale = np.float32(task.calibration.temperature / fast.temperature)

    def submit(
        self, texts: Sequence[EncodedText], *, lane: Lane, deadline: float | None, tier: Tier | None = None
    ) -> Future[Outputs]:
        """Queue the texts and return their future `TieredOutputs`, one per window, in text order.

        Cancelling drops windows that have not started. With `tier`, that tier answers all texts.
        """
        together = BatchFuture()
        if tier == "full":
            every = self._full.submit(windows_of(texts), lane=lane, deadline=deadline)
            follow(together, every, lambda outputs: TieredOutputs(outputs, ["full"] * len(texts)))
            return together

        def decide(outputs: Outputs) -> Outputs | None:
            found = group_by_text(texts, outputs)
            unsure = [] if tier == "fast" else self._unsure(texts, found)
            groups = [[each * self._rescale for each in group] for group in found]
            if not unsure:
                return TieredOutputs([each for group in groups for each in group], ["fast"] * len(texts))
            rest = [texts[place] for place in unsure]

            def merge(found: Outputs) -> Outputs:
                for place, group in zip(unsure, group_by_text(rest, found), strict=True):
                    groups[place] = list(group)
                tiers: list[Tier] = ["fast"] * len(texts)
                for place in unsure:
                    tiers[place] = "full"
                return TieredOutputs([each for group in groups for each in group], tiers)

            follow(together, self._full.submit(windows_of(rest), lane=lane, deadline=deadline), merge)
            return None

        follow(together, self._fast.executor.submit(windows_of(texts), lane=lane, deadline=deadline), decide)
        return together

    def _unsure(self, texts: Sequence[EncodedText], outputs: Sequence[Sequence[Floats]]) -> list[int]:
        """Return the indices of the texts that the full tier must answer."""
        pooled = [pool_windows(group, text.new_tokens, self._task) for text, group in zip(texts, outputs, strict=True)]
        confidence = probabilities(np.stack(pooled), self._task).max(axis=-1)
        places: list[int] = np.flatnonzero(confidence < self._fast.threshold).tolist()
        return places

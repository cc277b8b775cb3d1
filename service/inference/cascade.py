"""Two tiers: a fast graph answers what it is sure of, the full one answers the rest.

A text's windows all go through one tier: the fast one first; where its most probable label has a probability under the
gate's threshold, the full one. The outputs of the fast tier are brought to the temperature of the full one, so that one
decoder reads both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from glossator.service.bundle.manifest import Tier
from glossator.service.bundle.task import Calibration, Classifier
from glossator.service.inference.batching import BatchFuture, Lane, Outputs, Windows
from glossator.service.tasks.encoded import EncodedText, Floats, group_by_text, windows_of
from glossator.service.tasks.text_classification import pool_windows, probabilities


class Executor(Protocol):
    """What turns windows of token ids into outputs, in order: the queue of a served model
    (`glossator.service.inference.batching`), or a graph or PyTorch model that runs where it is called (`pipeline.Sequential`)."""

    def submit(
        self, windows: Windows, *, lane: Lane = "interactive", deadline: float | None = None
    ) -> Future[Outputs]: ...


class Tiered(list[Floats]):
    """Outputs, one a window, and which tier gave those of each text."""

    __slots__ = ("tiers",)

    def __init__(self, outputs: Sequence[Floats], tiers: Sequence[Tier]) -> None:
        super().__init__(outputs)
        self.tiers = tuple(tiers)


@dataclass(frozen=True, slots=True)
class FastTier:
    """The fast graph and its gate: `temperature` calibrates its probabilities, `threshold` is what the most probable
    label must reach."""

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
        """The outputs to come, `Tiered`, one a window in the order of the texts; cancelling drops what has not begun.
        With `tier` that one answers, sure or not."""
        together = BatchFuture()
        if tier == "full":
            every = self._full.submit(windows_of(texts), lane=lane, deadline=deadline)
            _follow(together, every, lambda outputs: Tiered(outputs, ["full"] * len(texts)))
            return together

        def decide(outputs: Outputs) -> Outputs | None:
            found = group_by_text(texts, outputs)
            unsure = [] if tier == "fast" else self._unsure(texts, found)
            groups = [[each * self._rescale for each in group] for group in found]
            if not unsure:
                return Tiered([each for group in groups for each in group], ["fast"] * len(texts))
            rest = [texts[place] for place in unsure]

            def merge(found: Outputs) -> Outputs:
                for place, group in zip(unsure, group_by_text(rest, found), strict=True):
                    groups[place] = list(group)
                tiers: list[Tier] = ["fast"] * len(texts)
                for place in unsure:
                    tiers[place] = "full"
                return Tiered([each for group in groups for each in group], tiers)

            _follow(together, self._full.submit(windows_of(rest), lane=lane, deadline=deadline), merge)
            return None

        _follow(together, self._fast.executor.submit(windows_of(texts), lane=lane, deadline=deadline), decide)
        return together

    def _unsure(self, texts: Sequence[EncodedText], outputs: Sequence[Sequence[Floats]]) -> list[int]:
        """The places of the texts that the fast tier leaves to the full one."""
        pooled = [pool_windows(group, text.new_tokens, self._task) for text, group in zip(texts, outputs, strict=True)]
        confidence = probabilities(np.stack(pooled), self._task).max(axis=-1)
        places: list[int] = np.flatnonzero(confidence < self._fast.threshold).tolist()
        return places


def _follow(together: BatchFuture, step: Future[Outputs], then: Callable[[Outputs], Outputs | None]) -> None:
    """Ends `together` with what `then` makes of the outputs of `step`, where that is something; an error of either ends
    it too, and cancelling it cancels the step."""

    def done(step: Future[Outputs]) -> None:
        if together.cancelled():
            return
        together.add(step)
        try:
            outcome: Outputs | BaseException | None = then(step.result())
        except BaseException as error:  # whoever waits must hear of it
            outcome = error
        if outcome is None or not together.set_running_or_notify_cancel():
            return
        if isinstance(outcome, BaseException):
            together.set_exception(outcome)
        else:
            together.set_result(outcome)

    together.add_done_callback(lambda ended: step.cancel() if ended.cancelled() else None)
    step.add_done_callback(done)

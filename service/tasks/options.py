"""DecodeOptions of a prediction. Each task accepts some of them and rejects the others by name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Literal, TypedDict

from glossator.service.errors import ConfigError
from glossator.service.tasks.offsets import OffsetUnit

Aggregation = Literal["none", "simple", "first", "average", "max"]
"""How tags of tokens become entities; the names are those of transformers' token classification pipeline."""


class DecodeKeywords(TypedDict, total=False):
    """The fields of `DecodeOptions` as keyword arguments."""

    top_k: int | None
    threshold: float | None
    min_confidence: float | None
    coverage: float | None
    empty_sets: bool
    aggregation: Aggregation | None
    offset_unit: OffsetUnit | None
    truncate: bool


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """DecodeOptions of a prediction; None means the default of the task.

    Attributes:
        top_k: The number of scores to list.
        threshold: Replaces the multi-label thresholds of the bundle; for entities, the lowest score to return.
        min_confidence: A single-label answer below this probability gets no label.
        coverage: Return a conformal set: labels that contain the right one with this probability.
        empty_sets: With `coverage`: the set of a text that no label fits is empty, not its most probable label.
        aggregation: How tokens become entities.
        offset_unit: The unit of `start` and `end`.
        truncate: Read only the first window of a long text.
    """

    top_k: int | None = None
    threshold: float | None = None
    min_confidence: float | None = None
    coverage: float | None = None
    empty_sets: bool = False
    aggregation: Aggregation | None = None
    offset_unit: OffsetUnit | None = None
    truncate: bool = False

    def check(self, task: str, known: Collection[str]) -> None:
        """Raise ConfigError for an option that `task` does not accept, and for numbers outside their range."""
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            if value not in (None, False) and name not in (*known, "truncate"):
                raise ConfigError(
                    f"{name} does not apply to {task}",
                    found=value,
                    expected=f"one of {', '.join(sorted(known)) or 'no options'}",
                    hint="Remove this option.",
                )
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError("top_k is too small", found=self.top_k, expected="1 or more")
        for name in ("threshold", "min_confidence", "coverage"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise ConfigError(f"{name} is outside its range", found=value, expected="a number from 0 to 1")


DEFAULTS = DecodeOptions()

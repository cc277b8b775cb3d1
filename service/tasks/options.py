"""What a caller may ask of an answer. Each task takes some of these and refuses the others by name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Literal, TypedDict

from glossator.service.errors import ConfigError
from glossator.service.tasks.offsets import OffsetUnit

Aggregation = Literal["none", "simple", "first", "average", "max"]
"""How the tags of tokens become entities, by the names of transformers' token classification pipeline."""


class Asked(TypedDict, total=False):
    """The options as keywords."""

    top_k: int | None
    threshold: float | None
    min_confidence: float | None
    coverage: float | None
    aggregation: Aggregation | None
    offset_unit: OffsetUnit | None
    truncate: bool


@dataclass(frozen=True, slots=True)
class Options:
    """None (for `truncate` False) leaves an option to the task.

    `top_k` limits what is listed, `threshold` replaces the multi-label thresholds of the bundle, below
    `min_confidence` a single label is withheld, `coverage` asks for a conformal set of labels, `aggregation` says how
    tokens become entities, `offset_unit` what `start` and `end` count, and `truncate` reads the first window of a long
    text alone.
    """

    top_k: int | None = None
    threshold: float | None = None
    min_confidence: float | None = None
    coverage: float | None = None
    aggregation: Aggregation | None = None
    offset_unit: OffsetUnit | None = None
    truncate: bool = False

    def check(self, task: str, known: Collection[str]) -> None:
        """Raises ConfigError for an option that `task` does not know, and for numbers outside their range."""
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            if value not in (None, False) and name not in (*known, "truncate"):
                raise ConfigError(
                    f"{name} does not apply to {task}",
                    found=value,
                    expected=f"one of {', '.join(sorted(known)) or 'no options'}",
                    hint="Leave it out.",
                )
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError("top_k is too small", found=self.top_k, expected="1 or more")
        for name in ("threshold", "min_confidence", "coverage"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise ConfigError(f"{name} is outside its range", found=value, expected="a number from 0 to 1")


DEFAULTS = Options()

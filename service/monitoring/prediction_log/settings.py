"""What is logged, where, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class LogSettings(BaseModel):
    """The settings of a prediction log. Workers of jobs receive them as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    texts: bool = False
    """Log the texts too. Without, only their SHA-256 is logged."""
    redact: bool = False
    """Mask e-mail addresses, card numbers and phone numbers in logged texts."""
    models: tuple[str, ...] = ()
    """Names of the models whose answers are logged; empty: all."""
    keep_days: Annotated[float, Field(gt=0.0)] = 30.0
    """Segments whose last record is older are removed."""
    max_bytes: Annotated[int, Field(ge=1 << 20)] = 10 << 30
    """The oldest segments are removed while all together are larger."""
    free_bytes: Annotated[int, Field(ge=0)] = 1 << 30
    """Nothing is logged while the disk has less free space."""

    def covers(self, model: str) -> bool:
        """Return whether answers of this model are logged."""
        return not self.models or model in self.models

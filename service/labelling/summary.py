"""What came of labelling a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from service.errors import InputError

if TYPE_CHECKING:
    from service.inference.pipeline import Answer


@dataclass(frozen=True, slots=True)
class LabelSummary:
    """Counts over the rows written so far; `labelled + failed == rows`."""

    rows: int
    labelled: int
    failed: int
    errors: Mapping[str, int]
    """Failed rows by the code of their error, the most frequent first."""
    tokens: int
    windows: int
    truncated: int
    """Rows of which the model did not see the end, because truncation was asked for."""
    seconds: float


class Tally:
    """Counts outcomes as they come."""

    def __init__(self) -> None:
        self._started = perf_counter()
        self._rows = self._tokens = self._windows = self._truncated = 0
        self._errors: Counter[str] = Counter()

    def add(self, outcome: Answer | InputError) -> None:
        """Counts one row."""
        self._rows += 1
        if isinstance(outcome, InputError):
            self._errors[outcome.code] += 1
            return
        self._tokens += outcome.tokens
        self._windows += outcome.windows
        self._truncated += outcome.truncated

    def summary(self) -> LabelSummary:
        """The counts so far."""
        failed = self._errors.total()
        return LabelSummary(
            rows=self._rows,
            labelled=self._rows - failed,
            failed=failed,
            errors=dict(self._errors.most_common()),
            tokens=self._tokens,
            windows=self._windows,
            truncated=self._truncated,
            seconds=perf_counter() - self._started,
        )

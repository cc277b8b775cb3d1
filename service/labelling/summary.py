"""Counts of labelled rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from glossator.service.errors import InputError

if TYPE_CHECKING:
    from glossator.service.inference.pipeline import Answer


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Counts of some rows, such as those of a chunk."""

    rows: int = 0
    tokens: int = 0
    windows: int = 0
    truncated: int = 0
    """Rows whose end the model did not read, because truncation was requested."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """Failed rows by the code of their error."""

    @property
    def failed(self) -> int:
        """Rows with an error."""
        return sum(self.errors.values())


def count_outcomes(outcomes: Iterable[Answer | InputError]) -> RowCounts:
    """Return the counts of rows from one outcome per row."""
    errors: Counter[str] = Counter()
    rows = tokens = windows = truncated = 0
    for outcome in outcomes:
        rows += 1
        if isinstance(outcome, InputError):
            errors[outcome.code] += 1
        else:
            tokens, windows = tokens + outcome.tokens, windows + outcome.windows
            truncated += outcome.truncated
    return RowCounts(rows, tokens, windows, truncated, dict(errors))


@dataclass(frozen=True, slots=True)
class LabelSummary:
    """Counts of the rows written so far; `labelled + failed == rows`."""

    rows: int
    labelled: int
    failed: int
    errors: Mapping[str, int]
    """Failed rows by the code of their error, the most frequent first."""
    tokens: int
    windows: int
    truncated: int
    """Rows whose end the model did not read, because truncation was requested."""
    seconds: float
    resumed: int = 0
    """Rows that were finished before the labelling was resumed; not part of `seconds`."""

    @property
    def rows_per_second(self) -> float:
        """Rows labelled since the start or the resumption, per second."""
        return (self.rows - self.resumed) / max(self.seconds, 1e-9)

    def describe(self) -> str:
        """Return the counts in one line."""
        parts = [f"{self.rows:,} rows: {self.labelled:,} labelled, {self.failed:,} with an error"]
        parts += [f"{count:,} {code}" for code, count in self.errors.items()]
        parts.append(f"{self.tokens:,} tokens in {self.windows:,} windows, {self.truncated:,} rows truncated")
        parts.append(f"{self.seconds:.1f} s, {self.rows_per_second:,.0f} rows/s")
        return "; ".join(parts)


class RunningTotal:
    """Adds up the counts of chunks."""

    def __init__(self) -> None:
        self._started = perf_counter()
        self._rows = self._tokens = self._windows = self._truncated = self._resumed = 0
        self._errors: Counter[str] = Counter()

    def add(self, counts: RowCounts, *, resumed: bool = False) -> None:
        """Add the counts of some rows; `resumed` says that they were finished before the labelling was resumed."""
        self._rows += counts.rows
        self._tokens += counts.tokens
        self._windows += counts.windows
        self._truncated += counts.truncated
        self._errors.update(counts.errors)
        if resumed:
            self._resumed += counts.rows

    def summary(self) -> LabelSummary:
        """Return the counts so far."""
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
            resumed=self._resumed,
        )

"""What came of labelling a file."""

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
class Counts:
    """What came of some rows."""

    rows: int = 0
    tokens: int = 0
    windows: int = 0
    truncated: int = 0
    """Rows of which the model did not see the end, because truncation was asked for."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """Failed rows by the code of their error."""

    @property
    def failed(self) -> int:
        """Rows with an error."""
        return sum(self.errors.values())


def count(outcomes: Iterable[Answer | InputError]) -> Counts:
    """The counts of one outcome a row."""
    errors: Counter[str] = Counter()
    rows = tokens = windows = truncated = 0
    for outcome in outcomes:
        rows += 1
        if isinstance(outcome, InputError):
            errors[outcome.code] += 1
        else:
            tokens, windows = tokens + outcome.tokens, windows + outcome.windows
            truncated += outcome.truncated
    return Counts(rows, tokens, windows, truncated, dict(errors))


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
    resumed: int = 0
    """Rows that an earlier run had done, of which `seconds` knows nothing."""

    @property
    def rows_per_second(self) -> float:
        """Rows that this run did, by the seconds that it took."""
        return (self.rows - self.resumed) / max(self.seconds, 1e-9)


class Tally:
    """Adds up counts as they come."""

    def __init__(self) -> None:
        self._started = perf_counter()
        self._rows = self._tokens = self._windows = self._truncated = self._resumed = 0
        self._errors: Counter[str] = Counter()

    def add(self, counts: Counts, *, resumed: bool = False) -> None:
        """Adds the counts of some rows; `resumed` says that an earlier run did them."""
        self._rows += counts.rows
        self._tokens += counts.tokens
        self._windows += counts.windows
        self._truncated += counts.truncated
        self._errors.update(counts.errors)
        if resumed:
            self._resumed += counts.rows

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
            resumed=self._resumed,
        )
